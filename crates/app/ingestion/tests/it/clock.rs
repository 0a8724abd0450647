//! Our clock is set an hour back or forward in the middle: nothing is refused, lost or doubled, and stamps rise.

use std::sync::Arc;

use futures::TryStreamExt as _;
use onetape_domain::engine::Outcome;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_memory::MemoryStore;
use onetape_ports::{CandleQuery, CandleStore as _, Knowledge, Selection, TimeQuery, TradeStore as _};
use onetape_testkit::dump::first_difference;
use onetape_testkit::generator::Ids;
use tempfile::tempdir;

use crate::support::{Process, RULES, instruments, messages, tables};

const HOUR: i64 = 3_600 * SECOND;

/// The same messages, received by a clock that is set by so much in the middle, and back later.
fn stepped(all: &[FeedMessage], step: i64) -> Vec<FeedMessage> {
    let (from, to) = (all.len() / 3, 2 * all.len() / 3);
    let shift = |(at, message): (usize, &FeedMessage)| {
        let step = if (from..to).contains(&at) { step } else { 0 };
        FeedMessage { received_at: message.received_at.plus(step), ..message.clone() }
    };
    all.iter().enumerate().map(shift).collect()
}

/// What the tables say of the market, whenever it was received and stamped.
async fn market(store: &MemoryStore) -> Vec<String> {
    let mut all = Vec::new();
    for instrument in instruments() {
        let (selection, as_of) = (Selection::Range(TimeRange::ALL), Timestamp::LATEST);
        let query = TimeQuery { instrument: instrument.clone(), selection, as_of };
        let trades: Vec<_> = store.stream_trades(query).try_collect().await.expect("trades");
        all.extend(trades.iter().map(|trade| format!("{:?} {} {}", trade.key, trade.price, trade.size)));
        for timeframe in Timeframe::ALL {
            let instrument = instrument.clone();
            let knowledge = Knowledge::AsRecorded;
            let query = CandleQuery { instrument, timeframe, selection, as_of, knowledge };
            let candles = store.candles(&query).await.expect("candles");
            all.extend(candles.iter().map(|candle| format!("{:?} {:?}", candle.open_time(), candle.ohlcv())));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_by_an_hour_changes_receipt_times_only() {
    let all = messages(12, Ids::Contiguous, 0);
    let store = Arc::new(MemoryStore::default());
    let process = Process::start(&store, tempdir().expect("folder")).await;
    for message in &all {
        process.pipeline.ingest(message, RULES).await.expect("taken in");
    }
    process.pipeline.end_of_feed().await.expect("written");
    let want = market(&store).await;
    for step in [-HOUR, HOUR] {
        let all = stepped(&all, step);
        let store = Arc::new(MemoryStore::default());
        let mut process = Process::start(&store, tempdir().expect("folder")).await;
        let mut last = [Timestamp::EARLIEST; 2];
        for message in &all {
            let taken = process.pipeline.ingest(message, RULES).await.expect("taken in");
            let of = usize::from(message.instrument == instruments()[1]);
            match taken.outcome {
                Outcome::Stamped(stamp) => {
                    assert!(stamp > last[of], "{stamp} after {}", last[of]);
                    last[of] = stamp;
                }
                Outcome::Refused(violations) => panic!("by {step}: {violations}"),
                _ => {}
            }
        }
        process.pipeline.end_of_feed().await.expect("written");
        let calm = tables(&store).await;
        assert_eq!(market(&store).await, want, "by {step}");
        // Crashing while the clock is wrong, and going on while it is right, is not seen either.
        let store = Arc::new(MemoryStore::default());
        process = Process::start(&store, tempdir().expect("folder")).await;
        for (at, message) in all.iter().enumerate() {
            process.pipeline.ingest(message, RULES).await.expect("taken in");
            if at == all.len() / 2 {
                process = Process::start(&store, process.crash()).await;
            }
        }
        process.pipeline.end_of_feed().await.expect("written");
        let got = tables(&store).await;
        assert!(got == calm, "by {step}: {:?}", first_difference(&got, &calm));
    }
}
