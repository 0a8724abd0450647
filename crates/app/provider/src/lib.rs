//! `UnifiedDataProvider`: the read side of onetape.
//!
//! One call for everything a model needs at an instant, from the cache where it can prove the answer,
//! else from the store; what is served live at T is what an as-of query for T returns ever after.

#![warn(missing_docs)]

mod error;
mod history;
mod imports;
mod metrics;
mod order_book;
mod provider;
mod request;
mod subscription;

pub use error::{ProviderError, SubscriptionError};
pub use history::CandleStream;
pub use metrics::METRICS;
pub use provider::{MultiTimeframeData, UnifiedDataProvider};
pub use request::{FillPolicy, ProviderConfig, Request};
pub use subscription::{LiveFrame, MAX_WAITING, Subscription, SubscriptionRequest};
