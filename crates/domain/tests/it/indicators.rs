//! Indicators against TA-Lib's own values, against the formulas written out, and at their edges.
#![cfg(feature = "indicators")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use onetape_domain::indicator::{IndicatorSet, MAX_WINDOW};

/// Columns of a golden file after `timestamp` and `close`; they have no histogram.
const GOLDEN_HEADER: &str = "timestamp,close,rsi_14,macd,macd_signal,bb_upper,bb_middle,bb_lower";
const GOLDEN_FILES: [&str; 6] = [
    "indicators_hft_spot_ETHUSDT_1s.csv",
    "indicators_jesse_test_candles_11.csv",
    "indicators_jesse_test_candles_14.csv",
    "indicators_jesse_test_candles_19.csv",
    "indicators_lean_coinbase_BTCUSD_1d.csv",
    "indicators_lean_coinbase_BTCUSD_1m_20171217.csv",
];

type Column = (&'static str, fn(&IndicatorSet) -> Option<f64>);

const COLUMNS: [Column; 7] = [
    ("rsi_14", |set| set.rsi_14),
    ("macd", |set| set.macd),
    ("macd_signal", |set| set.macd_signal),
    ("bb_upper", |set| set.bb_upper),
    ("bb_middle", |set| set.bb_middle),
    ("bb_lower", |set| set.bb_lower),
    ("macd_hist", |set| set.macd_hist),
];

/// The folder of real inputs: `ONETAPE_TEST_DATA`, else beside the workspace. Absent, one visible
/// line and `None`; where it is required or named, a failure.
fn data_folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let (folder, needed) = match std::env::var_os("ONETAPE_TEST_DATA") {
        None => (beside, false),
        Some(value) if value == "required" => (beside, true),
        Some(value) => (PathBuf::from(value), true),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(!needed, "no test data in {}", folder.display());
    static SKIPPED: Once = Once::new();
    SKIPPED.call_once(|| {
        // Not `eprintln!`: the harness swallows that of a test that passes.
        let line = format!("indicators: skipped, no test data in {}\n", folder.display());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
    None
}

/// Whether two values agree within 1e-8 of their size or within `absolute`; or both are absent.
fn agree(actual: Option<f64>, expected: Option<f64>, absolute: f64) -> bool {
    match (actual, expected) {
        (Some(actual), Some(expected)) => (actual - expected).abs() <= (1e-8 * expected.abs()).max(absolute),
        (actual, expected) => actual.is_none() && expected.is_none(),
    }
}

/// Bit patterns: equality without a tolerance.
fn bits(set: &IndicatorSet) -> [Option<u64>; 7] {
    COLUMNS.map(|(_, get)| get(set).map(f64::to_bits))
}

/// A deterministic walk of prices near 100, ticks of 0.01.
fn walk(len: usize) -> Vec<f64> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut ticks = 10_000_i32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ticks += i32::try_from(state % 101).unwrap() - 50;
        f64::from(ticks) / 100.0
    })
    .take(len)
    .collect()
}

/// The formulas as the books write them, without TA-Lib's arrangements: every row from scratch.
fn by_the_book(closes: &[f64]) -> IndicatorSet {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let ema = |values: &[f64], period: usize| {
        let (seed, rest) = values.split_at(period);
        let k = 2.0 / (period as f64 + 1.0);
        let mut emas = vec![mean(seed)];
        for value in rest {
            emas.push(emas[emas.len() - 1] * (1.0 - k) + value * k);
        }
        emas
    };
    let mut set = IndicatorSet::default();
    if closes.len() > 14 {
        let changes: Vec<f64> = closes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let wilder = |part: fn(f64) -> f64| {
            let parts: Vec<f64> = changes.iter().map(|change| part(*change)).collect();
            parts[14..].iter().fold(mean(&parts[..14]), |average, part| (average * 13.0 + part) / 14.0)
        };
        let (gain, loss) = (wilder(|change| change.max(0.0)), wilder(|change| (-change).max(0.0)));
        set.rsi_14 = Some(if gain + loss > 0.0 { 100.0 * gain / (gain + loss) } else { 50.0 });
    }
    if closes.len() > 33 {
        let (fast, slow) = (ema(&closes[14..], 12), ema(closes, 26));
        let macd: Vec<f64> = fast.iter().zip(&slow).map(|(fast, slow)| fast - slow).collect();
        let signal = ema(&macd, 9);
        let (macd, signal) = (macd[macd.len() - 1], signal[signal.len() - 1]);
        (set.macd, set.macd_signal, set.macd_hist) = (Some(macd), Some(signal), Some(macd - signal));
    }
    if closes.len() > 19 {
        let last = &closes[closes.len() - 20..];
        let middle = mean(last);
        let squares: Vec<f64> = last.iter().map(|close| (close - middle).powi(2)).collect();
        let deviation = mean(&squares).sqrt();
        set.bb_middle = Some(middle);
        set.bb_upper = Some(middle + 2.0 * deviation);
        set.bb_lower = Some(middle - 2.0 * deviation);
    }
    set
}

struct Golden {
    closes: Vec<f64>,
    /// In the order of the file's columns.
    rows: Vec<Vec<Option<f64>>>,
}

fn golden(path: &Path) -> Golden {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(GOLDEN_HEADER), "{}", path.display());
    let (closes, rows) = lines
        .map(|line| {
            let mut cells = line.split(',').skip(1);
            let close: f64 = cells.next().unwrap().parse().unwrap();
            let row = cells.map(|cell| (!cell.is_empty()).then(|| cell.parse().unwrap())).collect();
            (close, row)
        })
        .unzip();
    Golden { closes, rows }
}

/// A row's differences from the golden ones: rsi to 4 decimals, the rest to 1e-8 of the value or to
/// the 8 decimals the file has.
fn differences(set: &IndicatorSet, row: &[Option<f64>]) -> String {
    assert_eq!(row.len(), 6);
    let mut report = String::new();
    for ((name, get), expected) in COLUMNS.iter().zip(row) {
        let last_place = if *name == "rsi_14" { 0.500_001e-4 } else { 0.500_001e-8 };
        if !agree(get(set), *expected, last_place) {
            writeln!(report, "  {name}: {:?}, expected {expected:?}", get(set)).unwrap();
        }
    }
    report
}

#[test]
fn every_golden_row_is_met() {
    let Some(folder) = data_folder() else { return };
    for name in GOLDEN_FILES {
        let golden = golden(&folder.join("golden").join(name));
        assert!(golden.closes.len() > 200, "{name} has {} rows", golden.closes.len());
        let series = IndicatorSet::series(&golden.closes);
        for (index, row) in golden.rows.iter().enumerate() {
            let wrong = differences(&series[index], row);
            assert!(wrong.is_empty(), "{name}, series at {index}:\n{wrong}");
            // 500 closes forget the older ones far below the digits of the file.
            let latest = IndicatorSet::latest(&golden.closes[..=index]);
            let wrong = differences(&latest, row);
            assert!(wrong.is_empty(), "{name}, latest at {index}:\n{wrong}");
        }
    }
}

#[test]
fn coinbase_1m_ends_as_published() {
    let Some(folder) = data_folder() else { return };
    let closes = golden(&folder.join("golden/indicators_lean_coinbase_BTCUSD_1m_20171217.csv")).closes;
    let set = IndicatorSet::latest(&closes);
    let row = [52.0018, 6.280_489_89, 6.403_518_49, 19_426.767_257_95, 19_381.601_5, 19_336.435_742_05];
    assert_eq!(differences(&set, &row.map(Some)), "");
}

#[test]
fn real_candles_agree_with_the_formulas() {
    let Some(folder) = data_folder() else { return };
    let text = fs::read_to_string(folder.join("indicators/jesse_candles.json")).unwrap();
    // Each candle is [ms, open, close, high, low, volume].
    let runs: std::collections::BTreeMap<String, Vec<Vec<f64>>> = serde_json::from_str(&text).unwrap();
    assert_eq!(runs.len(), 14);
    for (name, candles) in runs {
        let closes: Vec<f64> = candles.iter().map(|candle| candle[2]).collect();
        assert!(!closes.is_empty(), "{name}");
        for end in 1..=closes.len() {
            assert_by_the_book(&name, &closes[..end]);
        }
    }
}

fn assert_by_the_book(name: &str, closes: &[f64]) {
    let window = &closes[closes.len().saturating_sub(MAX_WINDOW)..];
    let (actual, expected) = (IndicatorSet::latest(closes), by_the_book(window));
    // Differences of two averages of price p keep p's rounding: absolute, not relative to them.
    let rounding = 1e-10 * closes[closes.len() - 1].abs();
    for (column, get) in COLUMNS {
        let (actual, expected) = (get(&actual), get(&expected));
        let close_enough = agree(actual, expected, rounding);
        assert!(close_enough, "{name}, {} closes, {column}: {actual:?}, {expected:?}", closes.len());
    }
}

#[test]
fn walks_agree_with_the_formulas_at_any_length() {
    let closes = walk(1200);
    for end in (1..=120).chain(495..=510).chain([1000, 1200]) {
        assert_by_the_book("walk", &closes[..end]);
    }
}

#[test]
fn values_begin_at_ta_libs_first_index() {
    let closes = walk(40);
    for (index, set) in IndicatorSet::series(&closes).iter().enumerate() {
        let expected = [14, 33, 33, 19, 19, 19, 33].map(|first| index >= first);
        let actual = COLUMNS.map(|(_, get)| get(set).is_some());
        assert_eq!(actual, expected, "at {index}");
    }
}

#[test]
fn no_closes_give_nothing() {
    assert_eq!(IndicatorSet::latest(&[]), IndicatorSet::default());
    assert!(IndicatorSet::series(&[]).is_empty());
    assert_eq!(IndicatorSet::latest(&[1.0]), IndicatorSet::default());
    assert_eq!(IndicatorSet::series(&[1.0]), [IndicatorSet::default()]);
}

#[test]
fn latest_is_the_last_of_the_windows_series() {
    let closes = walk(510);
    let series = IndicatorSet::series(&closes[..MAX_WINDOW]);
    for (index, set) in series.iter().enumerate() {
        assert_eq!(bits(set), bits(&IndicatorSet::latest(&closes[..=index])), "at {index}");
    }
    for end in MAX_WINDOW..=closes.len() {
        let window = IndicatorSet::series(&closes[end - MAX_WINDOW..end]);
        assert_eq!(bits(&window[MAX_WINDOW - 1]), bits(&IndicatorSet::latest(&closes[..end])), "{end}");
    }
}

#[test]
fn nothing_is_carried_across_the_windows_start() {
    let mut closes = walk(MAX_WINDOW + 1);
    let windowed = bits(&IndicatorSet::latest(&closes[1..]));
    for outside in [closes[0], 1e9, 0.0, f64::NAN, f64::INFINITY] {
        closes[0] = outside;
        assert_eq!(bits(&IndicatorSet::latest(&closes)), windowed, "before the window: {outside}");
    }
    // The window's own first close does count: 485 steps of 13/14 leave a trace of a huge one.
    closes[1] = 1e9;
    assert_ne!(bits(&IndicatorSet::latest(&closes)), windowed);
}

#[test]
fn a_flat_price_has_neutral_rsi_and_no_width() {
    for price in [1e-9, 0.1, 2683.98, 1e9] {
        let set = IndicatorSet::latest(&[price; 600]);
        let near = |actual: Option<f64>, expected: f64| (actual.unwrap() - expected).abs() <= 1e-12 * price;
        assert_eq!(set.rsi_14, Some(50.0), "{price}");
        assert!(near(set.macd, 0.0) && near(set.macd_signal, 0.0) && near(set.macd_hist, 0.0), "{set:?}");
        assert!(near(set.bb_middle, price), "{price}: {set:?}");
        assert_eq!((set.bb_upper, set.bb_lower), (set.bb_middle, set.bb_middle), "{price}");
    }
}

#[test]
fn one_sided_prices_have_extreme_rsi() {
    let rising: Vec<f64> = (1..=15).map(f64::from).collect();
    let falling: Vec<f64> = rising.iter().rev().copied().collect();
    assert_eq!(IndicatorSet::latest(&rising).rsi_14, Some(100.0));
    assert_eq!(IndicatorSet::latest(&falling).rsi_14, Some(0.0));
}

#[test]
fn tiny_prices_keep_their_indicators() {
    // Earlier TA-Libs took changes below a fixed epsilon for none.
    let closes = walk(100);
    let tiny: Vec<f64> = closes.iter().map(|close| close * 1e-12).collect();
    let (large, small) = (IndicatorSet::latest(&closes), IndicatorSet::latest(&tiny));
    assert!(agree(small.rsi_14, large.rsi_14, 0.0));
    assert!(agree(small.macd.map(|value| value * 1e12), large.macd, 0.0));
    assert!(agree(small.bb_upper.map(|value| value * 1e12), large.bb_upper, 0.0));
    assert!(small.bb_upper > small.bb_middle && small.bb_middle > small.bb_lower);
}

#[test]
fn a_close_that_is_no_number_undefines_what_follows() {
    let clean = walk(120);
    let expected = IndicatorSet::series(&clean);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut closes = clean.clone();
        closes[60] = bad;
        let series = IndicatorSet::series(&closes);
        assert_eq!(series[..60], expected[..60], "{bad}");
        assert_eq!(series[60..], [IndicatorSet::default(); 60], "{bad}");
        for end in 61..=closes.len() {
            assert_eq!(IndicatorSet::latest(&closes[..end]), IndicatorSet::default(), "{bad}");
        }
    }
}

#[test]
fn what_overflows_is_undefined() {
    for (index, set) in IndicatorSet::series(&[f64::MAX; 40]).iter().enumerate() {
        let finite = COLUMNS.iter().all(|(_, get)| get(set).is_none_or(f64::is_finite));
        assert!(finite, "at {index}: {set:?}");
    }
    assert_eq!(IndicatorSet::latest(&[f64::MAX; 40]).bb_middle, None);
}

#[test]
fn undefined_is_null_in_json() {
    let set = IndicatorSet { rsi_14: Some(52.5), macd_hist: Some(-0.25), ..IndicatorSet::default() };
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(
        json,
        r#"{"rsi_14":52.5,"macd":null,"macd_signal":null,"macd_hist":-0.25,"#.to_owned()
            + r#""bb_upper":null,"bb_middle":null,"bb_lower":null}"#
    );
    assert_eq!(serde_json::from_str::<IndicatorSet>(&json).unwrap(), set);
}

#[test]
fn feature_version_1_gives_these_bits() {
    // A change here, of ta-lib's release too, needs a new `FEATURE_VERSION`.
    let set = IndicatorSet::latest(&walk(MAX_WINDOW));
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(
        json,
        r#"{"rsi_14":46.2879456532418,"macd":-0.2946780621524283,"macd_signal":-0.36673439014265935,"#
            .to_owned()
            + r#""macd_hist":0.07205632799023104,"bb_upper":103.23166104780744,"#
            + r#""bb_middle":101.79800000000009,"bb_lower":100.36433895219274}"#
    );
    assert_eq!(onetape_domain::indicator::FEATURE_VERSION, 1);
}
