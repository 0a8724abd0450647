//! Imported history in answers: before the instrument went live, behind its tape, and taken in while it runs.

use std::sync::Arc;

use futures::TryStreamExt;
use onetape::domain::frame::DataSource;
use onetape::domain::imported::{ImportId, ImportedCandle, ImportedValues, NewImport, Place, Source};
use onetape::domain::time::{SECOND, TimeRange};
use onetape::domain::venue::VenueRules;
use onetape::memory::SystemClock;
use onetape::ports::{CandleQuery, Knowledge, MarketStore, Selection};
use onetape::prelude::*;
use onetape::provider::ProviderConfig;
use onetape_domain::decimal::{Price, Quantity};
use onetape_testkit::generator::Market as SimulatedMarket;

use crate::support::instrument;

const MINUTE: i64 = 60 * SECOND;
/// 2024-08-09T00:00:00Z. The market begins half a minute before.
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

fn minutes(from: i64, to: i64, base: i64) -> Vec<ImportedCandle> {
    let candle = |minute: i64| {
        let price =
            |cents: i64| Price::parse("price", &format!("{}.{:02}", base, cents % 100)).expect("a price");
        let values = ImportedValues {
            open: price(50),
            high: price(99),
            low: price(1),
            close: price(10 + (minute * minute).rem_euclid(80)),
            volume: Quantity::parse("volume", "2.5").expect("a volume"),
            taker_buy_volume: None,
            trade_count: None,
        };
        let open_time = MIDNIGHT.plus(minute * MINUTE);
        ImportedCandle::try_new(Timeframe::M1, open_time, values).expect("a candle")
    };
    (from..to).map(candle).collect()
}

async fn import(store: &dyn MarketStore, id: &str, source: &str, from: i64, to: i64, base: i64) {
    let new = NewImport {
        id: ImportId::try_new(id).expect("an id"),
        instrument: instrument(),
        source: Source::try_new(source).expect("a source"),
        timeframe: Timeframe::M1,
    };
    store.begin_import(&new).await.expect("begun");
    store.add_imported(&new.id, &minutes(from, to, base)).await.expect("added");
    let covered =
        TimeRange::try_new(MIDNIGHT.plus(from * MINUTE), MIDNIGHT.plus(to * MINUTE)).expect("a range");
    store.finish_import(&new.id, covered).await.expect("finished");
}

/// Of the store alone: what an answer is afterwards.
fn afterwards(tape: &Onetape) -> UnifiedDataProvider {
    let config = ProviderConfig::for_exchange("binance".parse().expect("an exchange"));
    UnifiedDataProvider::new(tape.store().clone(), Arc::new(SystemClock::default()), config)
}

async fn frame(provider: &UnifiedDataProvider, at: Timestamp) -> InferenceDataFrame {
    provider.inference(&instrument(), &Request::at(at)).await.expect("a frame")
}

/// Two days of minutes before the market begins; while it runs, an import that reaches into it.
pub(crate) async fn history_and_live(tape: &Onetape) {
    let store = tape.store();
    import(&**store, "history", "files", -2 * 1_440, -1, 3_000).await;

    // Nothing was ever live: answers reach to the end of what was imported.
    let provider = tape.provider();
    let latest = provider.inference(&instrument(), &Request::default()).await.expect("a frame");
    assert_eq!(latest.as_of, MIDNIGHT.plus(-MINUTE));
    assert_eq!(latest.ohlcv_1m.rows.len(), 100);
    assert!(latest.ohlcv_1m.rows.iter().all(|candle| candle.state() == CandleState::Imported));
    assert_eq!(latest.ohlcv_1m.quality.tier, Tier::Excellent, "{:?}", latest.ohlcv_1m.quality);
    assert_eq!((latest.ohlcv_1h.rows.len(), latest.ohlcv_1d.rows.len()), (47, 1), "whole periods only");
    assert!(latest.indicators[&Timeframe::M1].macd.is_some());
    let noon = MIDNIGHT.plus(-720 * MINUTE);
    let early = frame(&provider, noon.plus(30 * SECOND)).await;
    assert_eq!(early.ohlcv_1m.rows.last().map(Candle::close_time), Some(noon), "nothing that has not closed");
    assert_eq!(early.ohlcv_1m.quality.tier, Tier::Excellent, "{:?}", early.ohlcv_1m.quality);

    let market = SimulatedMarket { seconds: 200, ..SimulatedMarket::new(instrument(), 5) };
    let messages = market.messages();
    let mut live = Vec::new();
    let half = messages.len() / 2;
    for (place, message) in messages.iter().enumerate() {
        if place == half {
            // Reaches over the minute that the market began in, and two more.
            import(&**store, "overlap", "vendor", -60, 2, 4_000).await;
            let waiting = store.imports(&instrument()).await.expect("imports");
            assert!(!matches!(waiting[1].place, Place::At(_)), "it has no stamp yet");
            let taken = tape.ingestion().take_in_imports(&instrument(), VenueRules::BINANCE_SPOT).await;
            assert_eq!(taken.expect("taken in"), 1);
        }
        tape.ingestion().ingest(message, VenueRules::BINANCE_SPOT).await.expect("ingested");
        if place % 97 == 0 || place + 1 == half || place == half {
            let answer =
                tape.provider().inference(&instrument(), &Request::default()).await.expect("a frame");
            let source = answer.metadata.as_ref().map(|metadata| metadata.data_source);
            assert_eq!(source, Some(DataSource::Cache));
            live.push(answer);
        }
    }
    tape.ingestion().flush().await.expect("flushed");

    // What was shown live is what is shown afterwards.
    let later = afterwards(tape);
    for answer in &live {
        let again = frame(&later, answer.as_of).await;
        assert_eq!(again.to_canonical_json(), answer.to_canonical_json(), "as of {}", answer.as_of);
        let candles = later
            .get_closed_candles("ETH/USDT", Timeframe::M1, Some(answer.as_of), 100)
            .await
            .expect("candles");
        assert_eq!(candles, answer.ohlcv_1m.closed());
    }
    // Ranges of any length are chosen candle by candle in the same way.
    let (first, last) = (&live[0], &live[live.len() - 1]);
    for (answer, timeframe) in [(first, Timeframe::M1), (last, Timeframe::M1), (last, Timeframe::M5)] {
        let shown = answer.candles(timeframe).closed();
        let query = CandleQuery {
            instrument: instrument(),
            timeframe,
            selection: Selection::Range(TimeRange::ALL),
            as_of: answer.as_of,
            knowledge: Knowledge::AsRecorded,
        };
        let all: Vec<Candle> =
            later.stream_closed_candles(query.clone()).try_collect().await.expect("candles");
        assert!(all.len() > 570 && all.windows(2).all(|pair| pair[0].open_time() < pair[1].open_time()));
        assert_eq!(&all[all.len() - shown.len()..], shown, "{timeframe} as of {}", answer.as_of);
        let range = TimeRange::try_new(shown[20].open_time(), shown[40].open_time()).expect("a range");
        let query = CandleQuery { selection: Selection::Range(range), ..query };
        let some: Vec<Candle> =
            later.stream_closed_candles(query.clone()).try_collect().await.expect("candles");
        assert_eq!(some, &shown[20..40]);
        let query = CandleQuery { selection: Selection::Last(7), ..query };
        let few: Vec<Candle> = later.stream_closed_candles(query).try_collect().await.expect("candles");
        assert_eq!(few, &shown[shown.len() - 7..]);
    }

    let sources = |answer: &InferenceDataFrame| -> Vec<String> {
        answer.ohlcv_1m.sources.iter().map(|run| run.source.to_string()).collect()
    };
    assert_eq!(sources(first), ["files"]);
    // The vendor's last hour and a minute was not there before, and the market's own whole minutes are better.
    assert_eq!(sources(last), ["files", "vendor"]);
    let begun = last.ohlcv_1m.sources.iter().find(|run| run.source.as_str() == "vendor").expect("a run");
    assert_eq!(begun.end, MIDNIGHT, "the minute that the market began in, but no later one");
    let own = last.ohlcv_1m.closed().iter().filter(|candle| candle.state() == CandleState::Traded);
    assert_eq!(own.count(), 2);
}

#[tokio::test]
async fn imported_history_is_part_of_live_answers_in_memory() {
    let tape = Onetape::open("memory:").await.expect("memory opens");
    history_and_live(&tape).await;
}

#[cfg(feature = "timescale")]
#[tokio::test]
async fn imported_history_is_part_of_live_answers_in_timescaledb() {
    let Some(db) = onetape_testdb::database(&crate::model::SCHEMA).await else { return };
    let tape = Onetape::open(db.url()).await.expect("the store opens");
    history_and_live(&tape).await;
    tape.close(Duration::from_secs(10)).await.expect("closed");
}

#[tokio::test]
async fn a_running_pipeline_takes_in_what_waits_by_itself() {
    let short = Duration::from_millis(10);
    let config =
        PipelineConfig { import_interval: short, flush_interval: short, ..PipelineConfig::default() };
    let tape = Onetape::builder("memory:").pipeline_config(config).open().await.expect("memory opens");
    let market = SimulatedMarket { seconds: 2, ..SimulatedMarket::new(instrument(), 5) };
    for message in market.messages() {
        tape.ingestion().ingest(&message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    tape.ingestion().flush().await.expect("flushed");
    let before = tape.ingestion().issued(&instrument()).expect("a stamp");
    import(&**tape.store(), "late", "files", -60, 0, 3_000).await;
    let taken_in = async {
        loop {
            let imports = tape.store().imports(&instrument()).await.expect("imports");
            if let Place::At(stamp) = imports[0].place {
                return stamp;
            }
            tokio::task::yield_now().await;
        }
    };
    let stamp = tokio::time::timeout(Duration::from_secs(20), taken_in).await.expect("it was never taken in");
    assert!(stamp > before);
    let live = tape.provider().inference(&instrument(), &Request::default()).await.expect("a frame");
    // The last minute of the import has not closed yet.
    assert_eq!((live.as_of, live.ohlcv_1m.closed().len()), (stamp, 59));
    let earlier = frame(&tape.provider(), before).await;
    assert_eq!(earlier.ohlcv_1m.closed().len(), 0, "what was answered before stays as it was");
    assert_eq!(tape.ingestion().summary().imports, 1);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn imported_history_is_part_of_live_answers_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let tape =
        Onetape::open(&format!("sqlite://{}/market.db", folder.path().display())).await.expect("it opens");
    history_and_live(&tape).await;
    tape.close(Duration::from_secs(10)).await.expect("closed");
}
