//! TimescaleDB: as-of frames beside the same statement undecoded, and the write rate of batches.

use onetape::domain::change::{Changes, TapeBatch};
use onetape::domain::engine::InstrumentEngine;
use onetape::domain::frame::FrameShape;
use onetape::domain::message::{FeedMessage, Payload};
use onetape::domain::venue::VenueRules;
use onetape::ports::{FrameQuery, Knowledge, TapeStore};
use onetape::prelude::*;
use onetape::timescale::{TimescaleStore, fingerprint};
use onetape_testdb::Template;
use onetape_testkit::generator::{Market as SimulatedMarket, Rng};

use crate::measure::{Latency, now, row, seconds_since};
use crate::{instrument, tape};

const FRAMES: usize = 1_000;
/// Trades of a batch whose write is timed.
const BATCH: usize = 10_000;
const BATCHES: usize = 20;

pub(crate) async fn run() {
    let template = Template::new("onetape", fingerprint(), |url| async move { onetape::migrate(&url).await });
    let Some(db) = onetape_testdb::database(&template).await else { return };
    frames(db.url()).await;
    writes(db.url()).await;
}

async fn frames(url: &str) {
    let Some(mut feed) = tape() else { return };
    let config = PipelineConfig { batch_size: 5_000, ..PipelineConfig::default() };
    let store = Onetape::builder(url).pipeline_config(config).open().await.expect("store");
    let start = now();
    let summary = store.ingestion().run(&mut feed).await.expect("replayed");
    let rate = summary.messages as f64 / seconds_since(start);
    row("tape replay to TimescaleDB", &format!("{rate:.0} messages/s"), "", None);
    store.close(Duration::from_secs(10)).await.expect("closed");

    let reader = Onetape::open(url).await.expect("store");
    let raw = TimescaleStore::connect(url).await.expect("store");
    let end = summary.clocks[&instrument()];
    let mut random = Rng::new(1);
    let (mut whole, mut floor) = (Latency::new(), Latency::new());
    for _ in 0..FRAMES {
        let at = end.plus(-random.between(0, 600_000_000));
        let start = now();
        std::hint::black_box(
            reader.provider().inference(&instrument(), &Request::at(at)).await.expect("frame"),
        );
        whole.push_micros((now() - start) as f64);
        let query = FrameQuery {
            instrument: instrument(),
            as_of: at,
            shape: FrameShape::DEFAULT,
            knowledge: Knowledge::AsRecorded,
        };
        let start = now();
        raw.frame_floor(&query).await.expect("frame");
        floor.push_micros((now() - start) as f64);
    }
    let (median, high) = (whole.quantile(0.5) / 1e3, whole.quantile(0.99) / 1e3);
    let base = floor.quantile(0.5) / 1e3;
    let floor = format!("p50 {base:.2} ms, the statement undecoded");
    row(
        "as-of frame at random T, tape only",
        &format!("p50 {median:.2} ms, p99 {high:.2} ms"),
        &floor,
        Some(median / base),
    );
}

/// Trades alone, as a push of many would bring them.
async fn writes(url: &str) {
    let store = TimescaleStore::connect(url).await.expect("store");
    let busy: Instrument = "binance:BTC/USDT".parse().expect("instrument");
    let market =
        SimulatedMarket { seconds: 3_600, trades_per_second: 60, ..SimulatedMarket::new(busy.clone(), 5) };
    let trades: Vec<FeedMessage> = market
        .messages()
        .into_iter()
        .filter(|message| matches!(message.payload, Payload::Trades(_)))
        .collect();
    let mut engine = InstrumentEngine::new(busy.clone(), VenueRules::BINANCE_SPOT);
    let (mut expected, mut rows, mut seconds) = (None, 0, 0.0);
    let mut changes = Changes::default();
    let mut written = 0;
    for message in &trades {
        engine.process(message, &mut changes);
        if changes.trades.len() < BATCH || written == BATCHES {
            continue;
        }
        let clock = engine.clock(false).expect("clock");
        let issued = clock.issued;
        let batch = TapeBatch { instrument: busy.clone(), changes: std::mem::take(&mut changes), clock };
        let start = now();
        store.append(&batch, expected).await.expect("written");
        seconds += seconds_since(start);
        rows += batch.changes.len();
        expected = Some(issued);
        written += 1;
    }
    let rate = rows as f64 / seconds;
    row(
        "write rate, one connection, batches of 10,000 trades with their candles",
        &format!("{rate:.0} rows/s"),
        "budget 100,000 rows/s",
        None,
    );
}
