//! Imports as operations of the model test.

use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::frame::FrameParts;
use onetape_domain::imported::{ImportId, Imported, ImportedCandle, ImportedValues, NewImport, Source};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_ports::{ImportedQuery, MarketStore, Selection, StoreError};

use super::{MIDNIGHT, Operation};
use crate::support::instrument;

const SOURCES: [&str; 3] = ["alpha", "beta", "gamma"];

pub(super) fn id(number: usize) -> ImportId {
    ImportId::try_new(&format!("import-{number}")).expect("an id")
}

/// An order that prefers one of the sources.
pub(super) fn sources(first: usize) -> Vec<Source> {
    vec![Source::try_new(SOURCES[first]).expect("a source")]
}

fn candle(timeframe: Timeframe, open_time: Timestamp, source: usize) -> ImportedCandle {
    let number = open_time.micros() / timeframe.micros() % 17 + 100 * (source as i64 + 1);
    let price = |number: i64| Price::parse("price", &format!("{number}.5")).expect("a price");
    let values = ImportedValues {
        open: price(number),
        high: price(number + 5),
        low: price(number - 5),
        close: price(number + 1),
        volume: Quantity::parse("volume", "0.001").expect("a volume"),
        taker_buy_volume: None,
        trade_count: (number % 2 == 0).then_some(3),
    };
    ImportedCandle::try_new(timeframe, open_time, values).expect("a candle")
}

/// Begins, fills and perhaps finishes an import; what came of it, but for the number.
pub(super) async fn run(store: &dyn MarketStore, operation: &Operation) -> Result<String, StoreError> {
    let Operation::Import { id: number, source, seconds, from, count, finish } = *operation else {
        return Ok(String::new());
    };
    let timeframe = if seconds { Timeframe::S1 } else { Timeframe::M1 };
    let start = MIDNIGHT.plus(from * 60 * SECOND);
    let at = |place: i64| start.plus(place * timeframe.micros());
    let source_name = Source::try_new(SOURCES[source]).expect("a source");
    let new = NewImport { id: id(number), instrument: instrument(), source: source_name, timeframe };
    store.begin_import(&new).await?;
    // With holes.
    let candles: Vec<_> =
        (0..count).filter(|place| place % 7 != 3).map(|place| candle(timeframe, at(place), source)).collect();
    let added = store.add_imported(&new.id, &candles).await?;
    if !finish {
        return Ok(format!("{added} added"));
    }
    let covered = TimeRange::try_new(at(0), at(count)).expect("a range");
    let import = store.finish_import(&new.id, covered).await?;
    Ok(format!("{added} added, {:?} {:?} {}", import.covered, import.place, import.rank))
}

/// The candles that a frame of these parts is chosen from.
pub(super) async fn of(
    store: &dyn MarketStore,
    parts: &FrameParts,
    closed_by: Timestamp,
) -> Result<Option<Imported>, StoreError> {
    if parts.imports.is_empty() {
        return Ok(None);
    }
    let query = ImportedQuery {
        instrument: instrument(),
        imports: parts.imports.to_vec(),
        selections: [Some(Selection::Last(500)); 6],
        closed_by,
    };
    let rows = store.imported(&query).await?;
    Ok(Some(Imported::new(query.imports, rows, Vec::new())))
}
