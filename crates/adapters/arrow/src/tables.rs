//! The tables there are. The first column of each is `instrument`.

mod books;
mod candles;
mod coverage;
mod indicators;
mod trades;

pub use books::{BOOKS, BUCKETS, IMBALANCES};
pub use candles::{CANDLES, CandleVersion, VERSIONS};
pub use coverage::COVERAGE;
pub use indicators::{INDICATORS, IndicatorRow};
pub use trades::TRADES;

/// Rows of a batch of small rows.
const BATCH_ROWS: usize = 8_192;
