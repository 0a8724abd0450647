//! Stands in for the store in a file in builds without it.

use std::path::Path;

use super::StoreStatus;
#[cfg(feature = "timescale")]
use super::{Examined, Maintenance};
use crate::error::OpenError;

pub(super) async fn setup(_: &Path, _: Option<&str>) -> Result<(), OpenError> {
    Err(OpenError::WITHOUT_SQLITE)
}

pub(super) async fn migrate(_: &Path) -> Result<(), OpenError> {
    Err(OpenError::WITHOUT_SQLITE)
}

#[cfg(feature = "timescale")]
pub(crate) async fn maintain(_: &Path) -> Result<Maintenance, OpenError> {
    Err(OpenError::WITHOUT_SQLITE)
}

#[cfg(feature = "timescale")]
pub(super) async fn doctor(_: &Path) -> Result<Examined, OpenError> {
    Err(OpenError::WITHOUT_SQLITE)
}

pub(super) async fn status(_: &Path) -> Result<StoreStatus, OpenError> {
    Err(OpenError::WITHOUT_SQLITE)
}
