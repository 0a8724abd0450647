//! Files beside answers: what one of the two lacks, has twice, or says otherwise.

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use onetape_domain::candle::Candle;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::validator::{DataValidator, RawCandle};
use onetape_migration::{Reads, ReadsError, ShadowFile, ShadowTarget, shadow};
use onetape_parquet_legacy::LegacyCache;
use onetape_ports::LegacyReading;

/// 2024-08-09T00:00:00Z.
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600_000_000);

fn at(minute: i64) -> Timestamp {
    MIDNIGHT.plus(minute * Timeframe::M1.micros())
}

/// Answers: minutes from midnight on, each without a hole.
struct Minutes(i64);

impl Reads for Minutes {
    fn closed(
        &self,
        _: &Instrument,
        timeframe: Timeframe,
        range: TimeRange,
    ) -> BoxStream<'_, Result<Candle, ReadsError>> {
        let candle = move |minute: i64| {
            let [open, high, low, close, volume] = ["1", "2", "1", "2", "5"].map(str::to_owned);
            let open_time = at(minute).micros();
            let raw = RawCandle { open_time, open, high, low, close, volume, trade_count: 0 };
            DataValidator::validate_ohlcv(timeframe, &raw).map_err(ReadsError::from)
        };
        let inside = (0..self.0).filter(move |minute| range.contains(at(*minute)));
        stream::iter(inside.map(candle)).boxed()
    }
}

/// A row of a minute that closes at so much.
fn row(minute: i64, close: &str) -> String {
    format!("{},1,2,1,{close},5\n", at(minute))
}

async fn compared(rows: &[String], range: Option<TimeRange>) -> ShadowFile {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("timestamp,open,high,low,close,volume\n{}", rows.concat());
    // What a file is its bytes tell.
    std::fs::write(folder.path().join("ETHUSDT_1m.parquet"), text).expect("written");
    let (source, targets) = (LegacyCache::new(folder.path()), [target()]);
    let report = shadow(&source, &Minutes(20), &targets, range, &LegacyReading::default()).await;
    report.expect("compared").files.swap_remove(0)
}

fn target() -> ShadowTarget {
    let instrument = "binance:ETH/USDT".parse().expect("an instrument");
    ShadowTarget { path: "ETHUSDT_1m.parquet".to_owned(), instrument, timeframe: Timeframe::M1 }
}

fn counts(file: &ShadowFile) -> [(&'static str, u64); 9] {
    [
        ("compared", file.compared),
        ("equal", file.equal),
        ("different", file.different),
        ("doubled", file.doubled),
        ("not in store", file.not_in_store),
        ("not in file", file.not_in_file),
        ("behind", file.behind),
        ("earlier", file.earlier),
        ("diverging", file.diverging()),
    ]
}

#[tokio::test]
async fn everything_that_is_not_alike_is_counted_once() {
    // Not in order: minute 9 is missing before the first row, minute 13 after it, and minute 30 is nobody's.
    let minutes = [(10, "2"), (11, "2"), (8, "2"), (12, "2"), (12, "2"), (14, "1.5"), (30, "2")];
    let rows = minutes.map(|(minute, close)| row(minute, close));
    let file = compared(&rows, None).await;
    let expected = [
        ("compared", 6),
        ("equal", 4),
        ("different", 1),
        ("doubled", 1),
        ("not in store", 1),
        ("not in file", 2 + 5),
        ("behind", 0),
        ("earlier", 8),
        ("diverging", 10),
    ];
    assert_eq!(counts(&file), expected, "{:?}", file.divergences);
    assert_eq!((file.first, file.last), (Some(at(8)), Some(at(30))));
    let twice = file.divergences.iter().find(|found| found.legacy == "another row").expect("it is named");
    assert_eq!((twice.row, twice.open_time), (Some(4), Some(at(12))));
    assert!(file.divergences.iter().any(|found| found.row.is_none() && found.open_time == Some(at(9))));
}

#[tokio::test]
async fn what_a_file_begins_or_ends_without_is_told_apart() {
    let rows = [row(5, "2"), row(6, "2")];
    let file = compared(&rows, None).await;
    assert_eq!((file.equal, file.earlier, file.behind, file.diverging()), (2, 5, 13, 0));
    let range = TimeRange::try_new(at(3), at(10)).expect("a range");
    let file = compared(&rows, Some(range)).await;
    assert_eq!((file.equal, file.earlier, file.behind, file.diverging()), (2, 2, 3, 0));
    let file = compared(&[], None).await;
    assert_eq!((file.compared, file.earlier, file.behind), (0, 0, 20), "it has not a single row");
}

#[tokio::test]
async fn a_column_of_times_can_be_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("time,date,open,high,low,close,volume\n7,{}", row(0, "2"));
    std::fs::write(folder.path().join("ETHUSDT_1m.parquet"), text).expect("written");
    let (source, targets) = (LegacyCache::new(folder.path()), [target()]);
    let reading = LegacyReading { time_column: Some("date".to_owned()), ..LegacyReading::default() };
    let report = shadow(&source, &Minutes(1), &targets, None, &reading).await.expect("compared");
    assert_eq!((report.compared(), report.diverging()), (1, 0));
    assert!(shadow(&source, &Minutes(1), &targets, None, &LegacyReading::default()).await.is_err());
}
