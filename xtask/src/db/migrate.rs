//! The seam to the project's own migrator, which `setup` and `migrate` run: the same one as `onetape db migrate`.

use anyhow::{Context as _, Result};

/// Brings the schema of the database at `url` up to date.
pub(super) async fn migrate(url: &str) -> Result<()> {
    onetape::migrate(url).await.context("the schema could not be brought up to date")
}
