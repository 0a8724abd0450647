//! Market data as Arrow record batches: tables as streams of bounded batches, frames as one batch a section, and,
//! with the feature `files`, files of Parquet, Arrow IPC and CSV.
//!
//! A [`Table`] says which columns a kind of row has. Its schema depends on the choice of [`Decimals`] and on nothing
//! else, never on the rows: batches and files of one table can always be put one after the other.
//!
//! - Instants are `Timestamp(Microsecond, "UTC")`, integers `Int64`, yes and no `Boolean`.
//! - Names out of a short list, instruments among them, are dictionaries of `Utf8`.
//! - Prices and sizes are what [`Decimals`] says.
//! - A column is nullable where a value can be unknown or undefined, and nowhere else.
//! - Each row carries its stamp (`known_from`, `available_at`), so what was known at an instant can be found out
//!   without the store.
//!
//! ```
//! use onetape_arrow::{Decimals, Encoder, Notes, tables};
//! use onetape_domain::instrument::Instrument;
//!
//! let instrument: Instrument = "binance:ETH/USDT".parse()?;
//! let encoder = Encoder::new(&tables::TRADES, Decimals::Exact, &[instrument.clone()], &Notes::default());
//! let batch = encoder.encode(&instrument, 0, &[])?;
//! assert_eq!(batch.schema().field(1).name(), "event_time");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

mod column;
mod decimals;
mod encoder;
mod error;
#[cfg(feature = "files")]
pub mod files;
mod frame;
mod notes;
mod stream;
mod table;
pub mod tables;

pub use arrow_array;
pub use arrow_schema;
pub use decimals::Decimals;
pub use encoder::Encoder;
pub use error::{BatchError, Unfit};
pub use frame::{FrameBatches, Section};
pub use notes::{Notes, key};
pub use stream::{BatchStream, batches};
pub use table::Table;
