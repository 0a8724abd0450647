//! The indicators of a run of closes, calculated by TA-Lib's batch functions.

use ta_lib::{Core, MAType, OutRange, RetCode};

use super::{IndicatorSet, MAX_WINDOW};

const RSI_PERIOD: i32 = 14;
const MACD_FAST: i32 = 12;
const MACD_SLOW: i32 = 26;
const MACD_SIGNAL: i32 = 9;
const BANDS_PERIOD: i32 = 20;
const BANDS_DEVIATIONS: f64 = 2.0;

impl IndicatorSet {
    /// The indicators at the last of `closes` (oldest first): a batch over the last
    /// min(n, [`MAX_WINDOW`]) of them, nothing carried across the window's start. It allocates
    /// nothing (12 kB of stack).
    ///
    /// All is undefined when a close in the window is NaN or infinite; older ones do no harm.
    ///
    /// ```
    /// use onetape_domain::indicator::IndicatorSet;
    ///
    /// let closes: Vec<f64> = (1..=20).map(f64::from).collect();
    /// let set = IndicatorSet::latest(&closes);
    /// assert_eq!(set.rsi_14, Some(100.0));
    /// assert_eq!(set.bb_middle, Some(10.5));
    /// assert_eq!(set.macd, None); // needs 34 closes
    /// ```
    #[must_use]
    pub fn latest(closes: &[f64]) -> Self {
        let window = &closes[closes.len().saturating_sub(MAX_WINDOW)..];
        let mut last = Self::default();
        if window.iter().all(|close| close.is_finite()) {
            let [mut a, mut b, mut c] = [[0.0; MAX_WINDOW]; 3];
            fill(std::slice::from_mut(&mut last), window, [&mut a, &mut b, &mut c]);
        }
        last
    }

    /// The indicators at each of `closes` (oldest first), in one batch over all of them, however
    /// many. The row at `i` is what [`latest`](Self::latest) gives for `closes[..=i]`, bit for bit
    /// up to [`MAX_WINDOW`] closes; beyond, RSI and MACD go on remembering the first close.
    ///
    /// From the first NaN or infinite close on, all is undefined.
    #[must_use]
    pub fn series(closes: &[f64]) -> Vec<Self> {
        let finite = closes.iter().position(|close| !close.is_finite()).unwrap_or(closes.len());
        let mut sets = vec![Self::default(); closes.len()];
        let [mut a, mut b, mut c] = std::array::from_fn(|_| vec![0.0; finite]);
        fill(&mut sets[..finite], &closes[..finite], [&mut a, &mut b, &mut c]);
        sets
    }
}

/// Runs the batch over `closes` and writes its end into `sets`, last to last: a single set takes the
/// last row only. Each scratch buffer MUST be at least as long as `closes`.
fn fill(sets: &mut [IndicatorSet], closes: &[f64], [a, b, c]: [&mut [f64]; 3]) {
    let Some(end) = closes.len().checked_sub(1) else {
        return;
    };
    let core = Core::new();

    let n = written(core.rsi(0, end, closes, RSI_PERIOD, a));
    assign(sets, &a[..n], |set, value| set.rsi_14 = value);

    let n = written(core.macd(0, end, closes, MACD_FAST, MACD_SLOW, MACD_SIGNAL, a, b, c));
    assign(sets, &a[..n], |set, value| set.macd = value);
    assign(sets, &b[..n], |set, value| set.macd_signal = value);
    assign(sets, &c[..n], |set, value| set.macd_hist = value);

    let width = BANDS_DEVIATIONS;
    let n = written(core.bbands(0, end, closes, BANDS_PERIOD, width, width, MAType::SMA, a, b, c));
    assign(sets, &a[..n], |set, value| set.bb_upper = value);
    assign(sets, &b[..n], |set, value| set.bb_middle = value);
    assign(sets, &c[..n], |set, value| set.bb_lower = value);
}

/// How many values a call wrote; they end at the last close. Too few closes is a success with none.
/// An error means a period, a buffer or the 100 million closes TA-Lib takes were exceeded: undefined.
fn written(outcome: Result<OutRange, RetCode>) -> usize {
    outcome.map_or(0, |range| range.count)
}

/// Gives the last values to the last sets. What overflowed is undefined; −0 becomes 0, so that
/// equal sets print alike.
fn assign(sets: &mut [IndicatorSet], values: &[f64], put: fn(&mut IndicatorSet, Option<f64>)) {
    for (set, value) in sets.iter_mut().rev().zip(values.iter().rev()) {
        put(set, value.is_finite().then_some(value + 0.0));
    }
}
