//! Exports and batches through the facade.

use std::collections::BTreeMap;
use std::path::Path;

use futures::TryStreamExt as _;
use onetape::arrow::files::{Format, Options, Partition};
use onetape::arrow::{self, Decimals};
use onetape::domain::imported::{ImportId, ImportedCandle, ImportedValues, NewImport, Source};
use onetape::domain::time::SECOND;
use onetape::domain::venue::VenueRules;
use onetape::ports::{CandleQuery, Knowledge, Selection};
use onetape::prelude::*;
use onetape::{Export, ExportError, ExportTable};
use onetape_domain::decimal::{Price, Quantity};
use onetape_testkit::generator::Market as SimulatedMarket;
use onetape_testkit::generator::faults::late_trades;
use onetape_testkit::recording::Recording;

/// 2024-08-09T00:00:00Z.
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

/// A store with two markets around midnight, whose late trades revise candles.
async fn markets() -> (Onetape, Vec<Instrument>) {
    let tape = Onetape::open("memory:").await.expect("memory opens");
    let instruments: Vec<Instrument> =
        ["binance:BTC/USDT:USDT", "binance:ETH/USDT"].map(|name| name.parse().expect("an instrument")).into();
    for (seed, instrument) in (1..).zip(&instruments) {
        let market = SimulatedMarket {
            start: MIDNIGHT.plus(-20 * SECOND),
            seconds: 40,
            ..SimulatedMarket::new(instrument.clone(), seed)
        };
        let messages = late_trades(market.messages(), seed, 100, 4_000);
        let recording = Recording::of(VenueRules::BINANCE_SPOT, &messages, 100);
        recording.write(tape.store().as_ref()).await.expect("written");
    }
    (tape, instruments)
}

/// Lines of a CSV file by the values of some columns.
fn columns(path: &Path, names: &[&str]) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).expect("a file");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let place = |name: &&str| header.iter().position(|column| column == name).expect("a column");
    let places: Vec<usize> = names.iter().map(place).collect();
    lines.map(|line| places.iter().map(|place| line[*place].to_owned()).collect()).collect()
}

#[tokio::test]
async fn versions_tell_what_was_known_at_any_instant() {
    let (tape, instruments) = markets().await;
    let folder = tempfile::tempdir().expect("a folder");
    let versions = Options::new(folder.path().join("versions.csv"), Format::Csv);
    let export = Export::new(ExportTable::CandleVersions(Timeframe::S1), versions.clone());
    tape.export(&export, |_| {}).await.expect("exported");
    let names = ["instrument", "open_time", "revision", "known_from", "known_to", "close"];
    let versions = columns(&versions.target, &names);
    assert!(versions.iter().any(|version| version[2] == "3"), "a candle was revised twice");
    for second in [-10, -3, 0, 7, 19] {
        let at = MIDNIGHT.plus(second * SECOND + 250_000);
        let known = |version: &&Vec<String>| {
            let time = |text: &str| text.parse::<Timestamp>().expect("a time");
            time(&version[3]) <= at && (version[4].is_empty() || time(&version[4]) > at)
        };
        let mine: Vec<_> = versions.iter().filter(known).map(|row| (&row[1], &row[2], &row[5])).collect();
        let mut stored = Vec::new();
        for instrument in &instruments {
            let query = CandleQuery {
                instrument: instrument.clone(),
                timeframe: Timeframe::S1,
                selection: Selection::Range(TimeRange::ALL),
                as_of: at,
                knowledge: Knowledge::AsRecorded,
            };
            stored.extend(tape.store().candles(&query).await.expect("candles"));
        }
        let stored: Vec<_> = stored
            .iter()
            .map(|row| {
                (row.open_time().to_string(), row.revision().to_string(), row.ohlcv().close.to_string())
            })
            .collect();
        assert!(!stored.is_empty());
        assert_eq!(mine, stored.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>(), "at {at}");
    }
    // An export as of an instant has no version of later.
    let at = MIDNIGHT.plus(2 * SECOND);
    let files = Options::new(folder.path().join("then.csv"), Format::Csv);
    let export =
        Export { at: Some(at), ..Export::new(ExportTable::CandleVersions(Timeframe::S1), files.clone()) };
    let summary = tape.export(&export, |_| {}).await.expect("exported");
    assert!(summary.as_of.values().all(|as_of| *as_of == at));
    for row in
        columns(&files.target, &["known_from", "known_to"]).iter().flatten().filter(|row| !row.is_empty())
    {
        assert!(row.parse::<Timestamp>().expect("a time") <= at, "{row}");
    }
}

#[tokio::test]
async fn instruments_share_a_file_or_have_folders_of_their_own() {
    let (tape, instruments) = markets().await;
    let folder = tempfile::tempdir().expect("a folder");
    let one = Options::new(folder.path().join("one.csv"), Format::Csv);
    let mut told = Vec::new();
    let export = Export::new(ExportTable::Trades, one.clone());
    let summary = tape.export(&export, |now| told.push(now.rows)).await.expect("exported");
    assert_eq!(told.last(), Some(&summary.rows));
    let mut counts = BTreeMap::<String, usize>::new();
    columns(&one.target, &["instrument"])
        .into_iter()
        .flatten()
        .for_each(|name| *counts.entry(name).or_default() += 1);
    assert_eq!(counts.len(), 2);
    for format in [Format::Parquet, Format::Arrow, Format::Csv] {
        let files = Options {
            partition: Partition::Day,
            ..Options::new(folder.path().join(format.as_str()), format)
        };
        let divided = tape.export(&Export::new(ExportTable::Trades, files.clone()), |_| {}).await;
        let divided = divided.expect("exported");
        assert_eq!((divided.files, divided.rows), (4, summary.rows));
        assert_eq!((divided.first, divided.last), (summary.first, summary.last));
        let name =
            format!("exchange=binance/symbol=BTC%2FUSDT%3AUSDT/date=2024-08-09/part-0.{}", format.as_str());
        assert!(files.target.join(&name).exists(), "{name}");
    }
    // One of them alone.
    let files = Options { overwrite: true, ..one.clone() };
    let export =
        Export { instruments: vec![instruments[1].clone()], ..Export::new(ExportTable::Trades, files) };
    let alone = tape.export(&export, |_| {}).await.expect("exported");
    assert_eq!(usize::try_from(alone.rows).ok(), counts.get("binance:ETH/USDT").copied());
}

#[tokio::test]
async fn batches_are_bounded_and_have_one_schema() {
    let (tape, instruments) = markets().await;
    let query = CandleQuery {
        instrument: instruments[0].clone(),
        timeframe: Timeframe::S1,
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    };
    let provider = tape.provider();
    let stream = arrow::candles(&provider, query.clone(), Decimals::Float);
    let schema = stream.schema().clone();
    let batches: Vec<_> = stream.try_collect().await.expect("batches");
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(rows, tape.store().candles(&query).await.expect("candles").len());
    assert!(batches.iter().all(|batch| batch.schema() == schema && batch.num_rows() <= 8_192));
    let versions = arrow::candle_versions(tape.store().as_ref(), query, Decimals::Exact);
    let versions: Vec<_> = versions.try_collect().await.expect("batches");
    assert!(versions.iter().map(|batch| batch.num_rows()).sum::<usize>() > rows);
}

#[tokio::test]
async fn imported_candles_are_exported_as_answers_show_them() {
    let tape = Onetape::open("memory:").await.expect("memory opens");
    let instrument: Instrument = "kraken:BTC/USD".parse().expect("an instrument");
    let new = NewImport {
        id: ImportId::try_new("a").expect("an id"),
        instrument: instrument.clone(),
        source: Source::try_new("files").expect("a source"),
        timeframe: Timeframe::M1,
    };
    let price = |text: &str| Price::parse("price", text).expect("a price");
    let values = ImportedValues {
        open: price("2"),
        high: price("3.5"),
        low: price("1"),
        close: price("2.25"),
        volume: Quantity::ZERO,
        taker_buy_volume: None,
        trade_count: None,
    };
    let candle = ImportedCandle::try_new(Timeframe::M1, MIDNIGHT, values).expect("a candle");
    tape.store().begin_import(&new).await.expect("begun");
    tape.store().add_imported(&new.id, &[candle]).await.expect("added");
    let covered = TimeRange::try_new(MIDNIGHT, MIDNIGHT.plus(60 * SECOND)).expect("a range");
    tape.store().finish_import(&new.id, covered).await.expect("finished");

    let folder = tempfile::tempdir().expect("a folder");
    let files = Options::new(folder.path().join("candles.csv"), Format::Csv);
    let export = Export::new(ExportTable::Candles(Timeframe::M1), files.clone());
    assert!(matches!(tape.export(&export, |_| {}).await, Err(ExportError::Empty)), "it was never live");
    let export = Export { instruments: vec![instrument], ..export };
    tape.export(&export, |_| {}).await.expect("exported");
    let names = ["state", "close", "trade_count", "taker_buy_volume"];
    assert_eq!(columns(&files.target, &names), [["imported", "2.25", "", ""]]);
}

#[tokio::test]
async fn an_export_that_is_given_up_leaves_nothing() {
    let (tape, _) = markets().await;
    let folder = tempfile::tempdir().expect("a folder");
    let files =
        Options { partition: Partition::Day, ..Options::new(folder.path().join("out"), Format::Parquet) };
    let export = Export::new(ExportTable::Books, files);
    let (first, mut told) = tokio::sync::mpsc::unbounded_channel();
    {
        let exported = tape.export(&export, move |now| {
            let _ = first.send(now.rows);
        });
        let mut exported = std::pin::pin!(exported);
        // Given up as soon as anything was read.
        tokio::select! {
            biased;
            Some(_) = told.recv() => {}
            done = &mut exported => panic!("it was done at once: {done:?}"),
        }
    }
    // The thread that writes sees it, and takes away what it had: the next one finds the place free.
    let mut tries = 0_u64;
    let done = loop {
        match tape.export(&export, |_| {}).await {
            Ok(done) => break done,
            Err(ExportError::File(onetape::arrow::files::FileError::Busy { .. })) => tries += 1,
            Err(error) => panic!("after {tries} tries: {error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(done.files, 4);
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 1);
}
