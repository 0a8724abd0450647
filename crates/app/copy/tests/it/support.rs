//! A market with everything that goes wrong, its imports and refused records, and what is read of it.

use std::sync::Arc;

use onetape_copy::{CopyError, CopyOptions, CopyReport, Verification};
use onetape_domain::canonical;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::frame::{FrameShape, assemble};
use onetape_domain::imported::{ImportId, ImportedCandle, ImportedValues, NewImport, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;
use onetape_memory::MemoryStore;
use onetape_ports::{FrameQuery, Knowledge, MarketStore};
use onetape_sqlite::SqliteStore;
use onetape_testkit::Recording;
use onetape_testkit::generator::{Market, faults};

pub(crate) const MINUTE: i64 = 60 * SECOND;
/// 2024-08-09T00:00:00Z, in the middle of the market: it has rows of two days.
pub(crate) const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

pub(crate) fn instrument(name: &str) -> Instrument {
    name.parse().expect("an instrument")
}

pub(crate) fn eth() -> Instrument {
    instrument("binance:ETH/USDT")
}

/// Two and a half minutes across midnight: late trades and trades that come much later revise candles, lost diffs leave
/// gaps in the book, an end in the middle leaves a partial sample.
pub(crate) fn recording(instrument: Instrument, seed: u64) -> Recording {
    let market = Market {
        seconds: 150,
        start: MIDNIGHT.plus(-80 * SECOND),
        snapshot_every: 15,
        ..Market::new(instrument.clone(), seed)
    };
    let messages = faults::late_trades(market.messages(), 1, 20, 30_000);
    let (messages, lost) = faults::drop_trades(messages, 2, 15);
    let messages = faults::drop_diffs(messages, 3, 2);
    let mut recording = Recording::new(instrument, VenueRules::BINANCE_SPOT);
    let half = messages.len() / 2;
    for (place, message) in messages.iter().enumerate() {
        recording.process(message);
        if place == half {
            recording.end_of_feed();
            recording.cut(true);
            recording.restart(true);
        } else if place % 90 == 0 {
            recording.cut(false);
        }
    }
    let last = messages.last().expect("messages").received_at;
    for message in lost {
        let again = onetape_domain::message::FeedMessage { received_at: last, ..message.clone() };
        recording.process(&again);
    }
    recording.end_of_feed();
    recording.cut(true);
    recording
}

/// So many minutes of an import, from some minutes before midnight on.
pub(crate) fn minutes(from: i64, to: i64, base: i64) -> Vec<ImportedCandle> {
    let price = |value: i64| Price::parse("price", &value.to_string()).expect("a price");
    let minute = |count: i64| {
        let values = ImportedValues {
            open: price(base + count.rem_euclid(7)),
            high: price(base + 900),
            low: price(1),
            close: price(base + count.rem_euclid(5)),
            volume: Quantity::parse("volume", "2.50").expect("a volume"),
            taker_buy_volume: None,
            trade_count: (count % 2 == 0).then_some(3),
        };
        let open_time = MIDNIGHT.plus(count * MINUTE);
        ImportedCandle::try_new(Timeframe::M1, open_time, values).expect("a candle")
    };
    (from..to).map(minute).collect()
}

pub(crate) async fn import(
    store: &dyn MarketStore,
    of: &Instrument,
    id: &str,
    source: &str,
    from: i64,
    to: i64,
) {
    let new = NewImport {
        id: ImportId::try_new(id).expect("an id"),
        instrument: of.clone(),
        source: Source::try_new(source).expect("a source"),
        timeframe: Timeframe::M1,
    };
    store.begin_import(&new).await.expect("begun");
    store.add_imported(&new.id, &minutes(from, to, 2_000)).await.expect("added");
    let covered =
        TimeRange::try_new(MIDNIGHT.plus(from * MINUTE), MIDNIGHT.plus(to * MINUTE)).expect("a range");
    store.finish_import(&new.id, covered).await.expect("finished");
}

/// A store with two instruments, three imports, of which one is before the tape, one taken in and one waits, an order of
/// sources, and refused records.
pub(crate) async fn fill(store: &dyn MarketStore) -> Recording {
    let order = ["vendor", "files"].map(|name| Source::try_new(name).expect("a source"));
    store.set_source_order(&order).await.expect("ordered");
    import(store, &eth(), "history", "files", -3_000, -2).await;
    let recording = recording(eth(), 7);
    let (mut expected, half) = (None, recording.batches().len() / 2);
    for (place, batch) in recording.batches().iter().enumerate() {
        let mut batch = batch.clone();
        if place == 0 {
            batch.changes.imports = store.imports(&eth()).await.expect("imports");
        }
        if place == half {
            import(store, &eth(), "overlap", "vendor", -60, 1).await;
            let mut waiting = store.waiting_imports().await.expect("imports");
            for import in &mut waiting {
                import.place = onetape_domain::imported::Place::At(batch.clock.issued);
            }
            batch.changes.imports = waiting;
        }
        store.append(&batch, expected).await.expect("written");
        expected = Some(batch.clock.issued);
    }
    import(store, &eth(), "late", "files", -10, 0).await;
    // Another of the store, and one without a tape.
    self::recording(instrument("kraken:ETH/USDT"), 11).write(store).await.expect("written");
    import(store, &instrument("kraken:BTC/USD"), "history-of-another", "files", -100, 0).await;
    let record = |number: i64| QuarantinedRecord {
        instrument: (number % 2 == 0).then(eth),
        ..QuarantinedRecord::new(
            format!("tape:{number}"),
            Violations::one("trade.price", "NaN", "must be positive"),
            b"payload",
        )
    };
    store.quarantine(&(0..30).map(record).collect::<Vec<_>>()).await.expect("written");
    recording
}

/// Canonical frames at many instants: around stamps, before and after everything.
pub(crate) async fn frames(store: &dyn MarketStore, of: &Recording) -> Vec<String> {
    let stamps: Vec<Timestamp> = of.reference().stamps().into_iter().collect();
    let step = (stamps.len() / 40).max(1);
    let around = stamps.iter().step_by(step).flat_map(|stamp| [stamp.plus(-1), *stamp, stamp.plus(1)]);
    let last = stamps[stamps.len() - 1];
    let ends = [stamps[0].plus(-3_600 * SECOND), last.plus(-1), last];
    let mut frames = Vec::new();
    for as_of in around.chain(ends) {
        for knowledge in [Knowledge::AsRecorded, Knowledge::AsCorrected] {
            let shape = FrameShape::DEFAULT;
            let query = FrameQuery { instrument: of.instrument().clone(), as_of, shape, knowledge };
            let parts = store.frame_parts(&query).await.expect("parts");
            let known: Vec<_> = parts.imports.iter().map(|import| import.id.to_string()).collect();
            let mut frame = assemble(of.instrument().clone(), as_of, shape, parts).expect("a frame");
            store.expiry(of.instrument()).await.expect("expiry").mark(&mut frame, shape);
            frames.push(format!("{known:?} {}", canonical::to_string(&frame).expect("canonical")));
        }
    }
    frames
}

pub(crate) fn memory() -> Arc<dyn MarketStore> {
    Arc::new(MemoryStore::new())
}

/// A file of its own, gone with the folder.
pub(crate) async fn file(folder: &tempfile::TempDir, name: &str) -> Arc<dyn MarketStore> {
    Arc::new(SqliteStore::open(folder.path().join(name)).await.expect("opened"))
}

pub(crate) async fn copy(from: &dyn MarketStore, to: &dyn MarketStore) -> Result<CopyReport, CopyError> {
    onetape_copy::copy(from, to, &CopyOptions::default(), &mut |_| ()).await
}

pub(crate) async fn verify(from: &dyn MarketStore, to: &dyn MarketStore) -> Verification {
    onetape_copy::verify(from, to, &CopyOptions::default(), &mut |_| ()).await.expect("compared")
}

/// Checksums by instrument.
pub(crate) fn checksums(report: &CopyReport) -> Vec<(Instrument, String)> {
    report.instruments.iter().map(|one| (one.instrument.clone(), one.checksum.clone())).collect()
}
