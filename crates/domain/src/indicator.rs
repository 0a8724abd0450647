//! RSI, MACD and Bollinger Bands at a close: the values. `indicator/batch.rs` calculates them.

#[cfg(feature = "indicators")]
mod batch;
#[cfg(feature = "indicators")]
mod series;

#[cfg(feature = "indicators")]
pub use series::CloseSeries;

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// Version of the calculation behind [`IndicatorSet`]. It MUST rise when the same closes could give
/// other values: another period, window or rule, or another release of TA-Lib.
///
/// Version 1 is TA-Lib 0.8.3. Earlier releases differ from it where no price changed (their RSI is
/// 0, not 50) and in the last digits (0.8.1 brought fused multiply-adds).
pub const FEATURE_VERSION: u32 = 1;

/// The most closes `IndicatorSet::latest` looks at, the last ones. RSI and MACD are recursive and
/// remember every close since the first; a fixed window makes their value a function of these
/// closes alone, wherever the reader's history begins.
pub const MAX_WINDOW: usize = 500;

/// The last closes of a timeframe, oldest first, as `frame::indicator_input` converts them. The
/// indicators over them are calculated when they are first asked for, once however many ask.
#[derive(Debug, Clone, Default)]
pub struct Closes {
    values: Vec<f64>,
    latest: OnceLock<IndicatorSet>,
}

impl Closes {
    /// The closes themselves.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The indicators at the last of them; all undefined without the feature `indicators`.
    pub fn indicators(&self) -> IndicatorSet {
        *self.latest.get_or_init(|| {
            #[cfg(feature = "indicators")]
            return IndicatorSet::latest(&self.values);
            #[cfg(not(feature = "indicators"))]
            return IndicatorSet::default();
        })
    }
}

impl From<Vec<f64>> for Closes {
    fn from(values: Vec<f64>) -> Self {
        Self { values, latest: OnceLock::new() }
    }
}

/// By the closes alone: the indicators follow from them.
impl PartialEq for Closes {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

/// The indicators at one close. `None` means undefined and is `null` in JSON; a calculated value is
/// always finite. TA-Lib's unstable period is 0, its default: values begin at the first index the
/// formula allows, counted from 0 at the first close of the batch.
///
/// | fields | TA-Lib function | unit | first index |
/// |---|---|---|---|
/// | `rsi_14` | `RSI(14)` | 0 to 100 | 14 |
/// | `macd`, `macd_signal`, `macd_hist` | `MACD(12, 26, 9)` | price | 33 |
/// | `bb_upper`, `bb_middle`, `bb_lower` | `BBANDS(20, 2, 2, SMA)` | price | 19 |
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct IndicatorSet {
    /// `100 · gain / (gain + loss)`: Wilder's averages of the rises and falls of 14 changes, begun
    /// by their plain mean, then `(13 · average + change) / 14`. Without any change it is 50.
    pub rsi_14: Option<f64>,
    /// EMA(12) − EMA(26), each begun by the plain mean of its first closes, both means ending at
    /// index 25. It exists from there, but is reported with the signal, as TA-Lib does.
    pub macd: Option<f64>,
    /// EMA(9) of `macd`, begun by the plain mean of its first 9 values.
    pub macd_signal: Option<f64>,
    /// `macd − macd_signal`.
    pub macd_hist: Option<f64>,
    /// `bb_middle` plus twice the population deviation (divided by 20, not 19) of the last 20 closes.
    pub bb_upper: Option<f64>,
    /// Plain mean of the last 20 closes.
    pub bb_middle: Option<f64>,
    /// `bb_middle` less twice the same deviation.
    pub bb_lower: Option<f64>,
}
