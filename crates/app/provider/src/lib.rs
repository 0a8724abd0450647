//! `UnifiedDataProvider`: the read side of onetape.
//!
//! One call for everything a model needs at an instant, from the cache where it can prove the answer,
//! else from the store; what is served live at T is what an as-of query for T returns ever after.

#![warn(missing_docs)]

mod error;
mod history;
mod imports;
mod order_book;
mod provider;
mod request;

pub use error::ProviderError;
pub use history::CandleStream;
pub use provider::{MultiTimeframeData, UnifiedDataProvider};
pub use request::{FillPolicy, ProviderConfig, Request};
