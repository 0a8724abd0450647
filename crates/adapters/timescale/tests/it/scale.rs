//! The loader of the benchmark leaves a store as the store's own append does.

#[path = "../../benches/scale/copy.rs"]
mod copy;
#[path = "../../benches/scale/load.rs"]
mod load;
#[path = "../../benches/scale/market.rs"]
mod market;

use onetape_domain::change::TapeBatch;
use onetape_domain::coverage::Stream;
use onetape_domain::frame::FrameShape;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_ports::{ClockStore, FrameQuery, FrameStore, Knowledge, TapeStore};
use onetape_timescale::TimescaleStore;

use crate::support::{self, connect, counts, instrument};
use load::{for_each_part, load};
use market::{DAY, Plan};

/// A midnight.
const START: Timestamp = Timestamp::from_micros(19_900 * DAY);
/// The first hour and a half without, the rest with trades and books.
const PLAN: Plan = Plan { start: START, seconds: 6_000, detailed: 600 };

fn at(second: i64) -> FrameQuery {
    FrameQuery {
        instrument: instrument(),
        as_of: START.plus(second * SECOND + 250_000),
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    }
}

/// The same rows through the store's own port.
async fn append(store: &TimescaleStore) {
    let mut batches = Vec::new();
    for_each_part(PLAN, |part| {
        batches.push(part);
        true
    })
    .unwrap();
    let mut expected = None;
    for part in batches {
        let clock = load::clock(&instrument(), part.issued).unwrap();
        let batch = TapeBatch { instrument: instrument(), changes: part.changes, clock };
        store.append(&batch, expected).await.unwrap();
        expected = Some(part.issued);
    }
}

#[tokio::test]
async fn a_store_loaded_by_copy_reads_as_one_that_was_appended_to() {
    let Some((copied, database)) = support::store().await else { return };
    let Some((appended, other)) = support::store().await else { return };
    let (rows, _) = load(database.url(), &instrument(), PLAN).await.unwrap();
    assert!(rows > 10_000, "{rows} rows");
    append(&appended).await;

    assert_eq!(counts(&mut connect(&database).await).await, counts(&mut connect(&other).await).await);
    assert_eq!(copied.clock(&instrument()).await.unwrap(), appended.clock(&instrument()).await.unwrap());
    for second in [0, 700, 4_321, 5_400, 5_402, 5_999, 6_000, 7_000] {
        let frame = copied.frame_parts(&at(second)).await.unwrap();
        assert_eq!(frame, appended.frame_parts(&at(second)).await.unwrap(), "{second}");
    }
    let bounds = "SELECT row(instruments.*)::text FROM instruments";
    let (mut one, mut two) = (connect(&database).await, connect(&other).await);
    let first: String = sqlx::query_scalar(bounds).fetch_one(&mut one).await.unwrap();
    assert_eq!(first, sqlx::query_scalar::<_, String>(bounds).fetch_one(&mut two).await.unwrap());
}

#[tokio::test]
async fn what_is_loaded_is_whole_and_loading_again_writes_nothing() {
    let Some((store, database)) = support::store().await else { return };
    load(database.url(), &instrument(), PLAN).await.unwrap();
    let frame = store.frame_parts(&at(5_990)).await.unwrap();
    assert!(frame.candles.iter().all(|candles| candles.len() >= 100), "every timeframe has its history");
    assert!(frame.closes.iter().all(|closes| closes.values().len() == 500), "and its closes");
    assert!(frame.book.is_some_and(|book| book.bids().len() == 50 && book.asks().len() == 50));
    assert_eq!(frame.imbalances.len(), 60);
    let covered = |stream| frame.coverage.iter().any(|row| row.stream == stream);
    assert!(covered(Stream::Trades) && covered(Stream::Book));
    assert!(!frame.open_trades.is_empty(), "trades since the last closed second");
    let (rows, _) = load(database.url(), &instrument(), PLAN).await.unwrap();
    assert_eq!(rows, 0);
}
