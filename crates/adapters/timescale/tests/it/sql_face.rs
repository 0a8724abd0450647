//! What SQL users see: indicators by version, and one candle a period.

use std::collections::BTreeMap;

use onetape_domain::frame::indicator_input;
use onetape_domain::imported::{ImportId, ImportedCandle, ImportedValues, NewImport, Source};
use onetape_domain::indicator::{FEATURE_VERSION, IndicatorSet, MAX_WINDOW};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::{CandleQuery, CandleStore, ImportStore, Knowledge, Selection};
use onetape_testkit::Recording;
use onetape_testkit::generator::{Market, faults};
use onetape_timescale::TimescaleStore;
use sqlx::PgConnection;

use crate::support::{START, connect, instrument, price, size, store};

type SqlRow = (String, i64, i64, i32, Vec<Option<f64>>);
type IndicatorRow = (String, i64, i64, i32, [Option<f64>; 7]);

/// Half an hour with late trades and trades that were lost and come when all is over.
fn recording() -> Recording {
    let market =
        Market { seconds: 1_800, diff_every_ms: 5_000, trades_per_second: 2, ..Market::new(instrument(), 7) };
    let messages = faults::late_trades(market.messages(), 1, 20, 30_000);
    let (mut messages, lost) = faults::drop_trades(messages, 2, 40);
    let last = messages.last().expect("messages").received_at;
    let late =
        lost.into_iter().map(|message| onetape_domain::message::FeedMessage { received_at: last, ..message });
    messages.extend(late);
    Recording::of(VenueRules::BINANCE_SPOT, &messages, 300)
}

async fn indicators(connection: &mut PgConnection) -> Vec<IndicatorRow> {
    let rows: Vec<SqlRow> = sqlx::query_as(
        "SELECT timeframe, (extract(epoch FROM timestamp) * 1000000)::bigint,
             (extract(epoch FROM known_from) * 1000000)::bigint, feature_version,
             ARRAY[rsi_14, macd, macd_signal, macd_hist, bb_upper, bb_middle, bb_lower]
         FROM ohlcv_indicators ORDER BY timeframe, timestamp, known_from",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.into_iter().map(|(a, b, c, d, values)| (a, b, c, d, values.try_into().unwrap())).collect()
}

/// What the candles known at a stamp give at one of them.
async fn expected(
    store: &TimescaleStore,
    timeframe: Timeframe,
    open_time: Timestamp,
    as_of: Timestamp,
) -> [Option<f64>; 7] {
    let query = CandleQuery {
        instrument: instrument(),
        timeframe,
        selection: Selection::Range(TimeRange::try_new(Timestamp::EARLIEST, open_time.plus(1)).unwrap()),
        as_of,
        knowledge: Knowledge::AsRecorded,
    };
    let candles = store.candles(&query).await.unwrap();
    assert_eq!(candles.last().map(|candle| candle.open_time()), Some(open_time));
    let closes: Vec<f64> = candles.iter().map(|candle| indicator_input(candle.ohlcv().close.get())).collect();
    let IndicatorSet { rsi_14, macd, macd_signal, macd_hist, bb_upper, bb_middle, bb_lower } =
        IndicatorSet::latest(&closes);
    [rsi_14, macd, macd_signal, macd_hist, bb_upper, bb_middle, bb_lower]
}

#[tokio::test]
async fn indicators_are_written_at_each_close_and_anew_for_what_a_revision_changes() {
    let Some((store, database)) = store().await else { return };
    let recording = recording();
    recording.write(&store).await.unwrap();
    let rows = indicators(&mut connect(&database).await).await;
    let mut last: BTreeMap<(Timeframe, Timestamp), [Option<f64>; 7]> = BTreeMap::new();
    let (mut versions, mut defined) = (0, 0);
    for (timeframe, open_time, known_from, version, set) in rows {
        let timeframe: Timeframe = timeframe.parse().unwrap();
        let (open_time, known_from) = (Timestamp::from_micros(open_time), Timestamp::from_micros(known_from));
        assert_eq!(version, i32::try_from(FEATURE_VERSION).unwrap());
        assert_eq!(set, expected(&store, timeframe, open_time, known_from).await, "{timeframe} {open_time}");
        defined += usize::from(set[0].is_some());
        versions += usize::from(last.insert((timeframe, open_time), set).is_some());
    }
    // A revision that leaves the close as it is changes no indicator.
    assert!(versions > 20 && defined > 10, "{versions} further versions, {defined} defined");
    for timeframe in Timeframe::ALL.into_iter().skip(1) {
        let query = CandleQuery {
            instrument: instrument(),
            timeframe,
            selection: Selection::Last(MAX_WINDOW),
            as_of: Timestamp::LATEST,
            knowledge: Knowledge::AsRecorded,
        };
        for candle in store.candles(&query).await.unwrap() {
            let expected = expected(&store, timeframe, candle.open_time(), Timestamp::LATEST).await;
            assert_eq!(last.remove(&(timeframe, candle.open_time())), Some(expected), "{timeframe}");
        }
    }
    assert!(last.is_empty(), "indicators without a candle: {last:?}");
}

/// Minutes from the start on, priced in a way that tells the import.
pub(crate) async fn import(
    store: &TimescaleStore,
    id: &str,
    source: &str,
    timeframe: Timeframe,
    minutes: (i64, i64),
    base: i64,
) {
    let new = NewImport {
        id: ImportId::try_new(id).unwrap(),
        instrument: instrument(),
        source: Source::try_new(source).unwrap(),
        timeframe,
    };
    store.begin_import(&new).await.unwrap();
    let at = |minute: i64| START.plus(minute * 60 * SECOND);
    let length = timeframe.micros() / (60 * SECOND);
    let candle = |minute: i64| {
        let price = price(&base.to_string());
        let (volume, taker_buy_volume, trade_count) = (size("1"), None, None);
        let values = ImportedValues {
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            taker_buy_volume,
            trade_count,
        };
        ImportedCandle::try_new(timeframe, at(minute), values).unwrap()
    };
    let candles: Vec<_> =
        (minutes.0..minutes.1).step_by(usize::try_from(length).unwrap()).map(candle).collect();
    store.add_imported(&new.id, &candles).await.unwrap();
    store.finish_import(&new.id, TimeRange::try_new(at(minutes.0), at(minutes.1)).unwrap()).await.unwrap();
}

#[tokio::test]
async fn ohlcv_data_shows_one_candle_a_period_and_where_it_is_from() {
    let Some((store, database)) = store().await else { return };
    // The market runs from 30 s before the start to 30 s before minute 3; minute 1 lacks trades for good.
    let market = Market { seconds: 180, ..Market::new(instrument(), 5) };
    let lost = |message: &onetape_domain::message::FeedMessage| {
        let second = message.sent_at.map_or(0, |sent_at| sent_at.since(START).div_euclid(SECOND));
        (70..80).contains(&second) && matches!(message.payload, onetape_domain::message::Payload::Trades(_))
    };
    let messages: Vec<_> = market.messages().into_iter().filter(|message| !lost(message)).collect();
    let recording = Recording::of(VenueRules::BINANCE_SPOT, &messages, 300);

    import(&store, "a", "alpha", Timeframe::M1, (-10, 0), 1).await;
    import(&store, "b", "beta", Timeframe::M1, (-5, 5), 2).await;
    import(&store, "b2", "beta", Timeframe::M1, (-10, -8), 3).await;
    import(&store, "c", "alpha", Timeframe::M5, (-10, 0), 4).await;
    // As its writer finds them.
    let known = store.imports(&instrument()).await.unwrap();
    let mut expected = None;
    for batch in recording.batches() {
        let mut batch = batch.clone();
        if expected.is_none() {
            batch.changes.imports = known.clone();
        }
        onetape_ports::TapeStore::append(&store, &batch, expected).await.unwrap();
        expected = Some(batch.clock.issued);
    }
    let shown = async |timeframe: &str| -> Vec<(i64, String, bool)> {
        sqlx::query_as(
            "SELECT extract(epoch FROM timestamp - $1)::bigint / 60, source || ' ' || floor(low_price)::text, complete
             FROM ohlcv_data WHERE symbol = 'ETH/USDT' AND exchange = 'binance' AND timeframe = $2 ORDER BY timestamp",
        )
        .bind(START.to_datetime().unwrap())
        .bind(timeframe)
        .fetch_all(&mut connect(&database).await)
        .await
        .unwrap()
    };
    let own = |rows: Vec<(i64, String, bool)>| -> Vec<(i64, String, bool)> {
        let name = |source: String| {
            source.split(' ').next().map(str::to_owned).filter(|name| name == "derived").unwrap_or(source)
        };
        rows.into_iter().map(|(minute, source, complete)| (minute, name(source), complete)).collect()
    };
    let row = |minute: i64, source: &str| (minute, source.to_owned(), true);
    // By name, then the later import; only the whole minutes that trades prove are better.
    let mut minutes: Vec<_> = (-10..0).map(|minute| row(minute, "alpha 1")).collect();
    minutes.extend([
        row(0, "derived"),
        row(1, "beta 2"),
        row(2, "beta 2"),
        row(3, "beta 2"),
        row(4, "beta 2"),
    ]);
    assert_eq!(own(shown("1m").await), minutes);
    assert_eq!(own(shown("5m").await), [row(-10, "alpha 4"), row(-5, "alpha 4"), row(0, "beta 2")]);
    assert_eq!(own(shown("1d").await), [(-1_440, "derived".to_owned(), false)], "half a minute of a day");
    let order = ["beta"].map(|name| Source::try_new(name).unwrap());
    store.set_source_order(&order).await.unwrap();
    minutes[0] = row(-10, "beta 3");
    minutes[1] = row(-9, "beta 3");
    for minute in -5..0_i64 {
        minutes[usize::try_from(minute + 10).unwrap()] = row(minute, "beta 2");
    }
    assert_eq!(own(shown("1m").await), minutes);
    // Of its own timeframe rather than rolled up, whatever the order.
    assert_eq!(own(shown("5m").await)[0], row(-10, "alpha 4"));

    for id in ["a", "b", "b2", "c"] {
        store.remove_import(&ImportId::try_new(id).unwrap()).await.unwrap();
    }
    let partial = |minute: i64| (minute, "derived".to_owned(), false);
    assert_eq!(own(shown("1m").await), [partial(-1), row(0, "derived"), partial(1)]);
}
