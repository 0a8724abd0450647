//! A migrated database for each test, and rows to write.

use std::sync::LazyLock;

use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeEvent, TradeId, TradeKey};
use onetape_domain::venue::VenueRules;
use onetape_testdb::{Template, TestDb};
use onetape_timescale::TimescaleStore;
use sqlx::{Connection, PgConnection};

/// The first instant of the tests' data.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_723_161_600_000_000);

/// The schema, built once per version of the migrations.
static SCHEMA: LazyLock<Template> = LazyLock::new(|| {
    let fingerprint = onetape_timescale::fingerprint();
    Template::new("timescale", fingerprint, |url| async move { TimescaleStore::migrate_url(&url).await })
});

/// A store on a migrated database of its own, or none as a visible skip. The database goes with the second
/// value.
pub(crate) async fn store() -> Option<(TimescaleStore, TestDb)> {
    let database = onetape_testdb::database(&SCHEMA).await?;
    let store =
        TimescaleStore::connect(database.url()).await.expect("the test's own database can be reached");
    Some((store, database))
}

pub(crate) async fn connect(database: &TestDb) -> PgConnection {
    PgConnection::connect(database.url()).await.expect("the test's own database can be reached")
}

/// The rows of every data table, counted.
pub(crate) async fn counts(connection: &mut PgConnection) -> Vec<(String, i64)> {
    let tables = [
        "ohlcv_1s",
        "ohlcv_1m",
        "ohlcv_5m",
        "ohlcv_15m",
        "ohlcv_1h",
        "ohlcv_1d",
        "ohlcv_superseded",
        "trade_events",
        "order_book_snapshots",
        "order_book_1s_agg",
        "order_book_imbalances",
        "stream_coverage",
        "stream_coverage_runs",
        "instrument_clock",
        "instruments",
    ];
    let mut counts = Vec::new();
    for table in tables {
        let query = format!("SELECT count(*) FROM {table}");
        let count = sqlx::query_scalar(&query).fetch_one(&mut *connection).await.expect("the table is there");
        counts.push((table.to_owned(), count));
    }
    counts
}

pub(crate) fn instrument() -> Instrument {
    Instrument::try_new("binance", "ETH/USDT").expect("a valid name")
}

pub(crate) fn price(text: &str) -> Price {
    Price::parse("price", text).expect("a valid price")
}

pub(crate) fn size(text: &str) -> Quantity {
    Quantity::parse("size", text).expect("a valid size")
}

/// A trade at so many milliseconds after the start, stamped 10 ms later.
pub(crate) fn trade(id: i64, millis: i64) -> Trade {
    let event_time = START.plus(millis * 1_000);
    Trade {
        key: TradeKey { event_time, sequence: id, index: 0 },
        trade_id: id.to_string().into(),
        price: price("2500.25"),
        size: size("0.125"),
        side: if id % 2 == 0 { Side::Buy } else { Side::Sell },
        aggregate: None,
        received_at: event_time.plus(9_000),
        available_at: event_time.plus(10_000),
    }
}

/// Revision of the candle of a period, of as many trades.
pub(crate) fn candle(
    timeframe: Timeframe,
    open_time: Timestamp,
    revision: u32,
    known_from: Timestamp,
) -> Candle {
    let one = Ohlcv::of_trade(&Trade {
        key: TradeKey { event_time: open_time, sequence: 1, index: 0 },
        ..trade(1, 0)
    });
    let ohlcv = Ohlcv { trade_count: Some(u64::from(revision)), ..one };
    Candle::closed(timeframe, open_time, ohlcv, revision, known_from).expect("a valid candle")
}

/// First versions of so many candles from the start on, each known 1.6 s after its close.
pub(crate) fn candles(timeframe: Timeframe, count: i64) -> Vec<CandleChange> {
    let open_time = |at: i64| timeframe.open_time(START).plus(at * timeframe.micros());
    (0..count)
        .map(|at| {
            let known_from = timeframe.close_time(open_time(at)).plus(1_600_000);
            CandleChange { candle: candle(timeframe, open_time(at), 1, known_from), replaces: None }
        })
        .collect()
}

/// A clock that stands at an instant.
pub(crate) fn clock(issued: Timestamp) -> InstrumentClock {
    let event = TradeEvent::try_new(issued, TradeId::Numeric(1), price("1"), size("1"), Side::Buy, None);
    let message = FeedMessage {
        instrument: instrument(),
        connection: 0,
        sent_at: Some(issued),
        received_at: issued,
        payload: Payload::Trades(vec![event.expect("a valid trade")]),
    };
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT);
    engine.process(&message, &mut Changes::default());
    engine.clock(false).expect("a trade is stamped")
}

/// A batch whose clock stands so many seconds after the start.
pub(crate) fn batch(seconds: i64, changes: Changes) -> TapeBatch {
    TapeBatch { instrument: instrument(), changes, clock: clock(START.plus(seconds * SECOND)) }
}

/// So many trades, a hundred a second.
pub(crate) fn trades(count: i64) -> Changes {
    Changes { trades: (0..count).map(|id| trade(id, id * 10)).collect(), ..Changes::default() }
}
