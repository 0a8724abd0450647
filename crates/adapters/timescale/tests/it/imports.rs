//! Published candles imported and rolled up by the database: shuffled, twice, in pieces and compressed.

use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::imported::{
    Import, ImportId, ImportedCandle, ImportedRow, ImportedValues, NewImport, Source,
};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_ports::{ImportStore, ImportedQuery, Selection};
use onetape_testkit::data::{folder, golden_rows};
use onetape_timescale::TimescaleStore;

use crate::maintain::maintain;
use crate::support::{instrument, store};

const DAY: i64 = 86_400 * SECOND;

fn golden(timeframe: Timeframe) -> Vec<ImportedCandle> {
    let name = match timeframe {
        Timeframe::S1 => "lean_coinbase_BTCUSD_1s.csv".to_owned(),
        _ => format!("lean_coinbase_BTCUSD_{timeframe}_from1s.csv"),
    };
    let candle = |row: Vec<String>| {
        let price = |at: usize| Price::parse("price", &row[at]).unwrap();
        let values = ImportedValues {
            open: price(1),
            high: price(2),
            low: price(3),
            close: price(4),
            volume: Quantity::parse("volume", &row[5]).unwrap(),
            taker_buy_volume: None,
            trade_count: None,
        };
        ImportedCandle::try_new(timeframe, row[0].parse().unwrap(), values).unwrap()
    };
    golden_rows(&name).into_iter().map(candle).collect()
}

async fn stored(store: &TimescaleStore, import: &Import) -> [Vec<ImportedCandle>; 6] {
    let query = ImportedQuery {
        instrument: instrument(),
        imports: vec![import.clone()],
        selections: [Some(Selection::Range(TimeRange::ALL)); 6],
        closed_by: Timestamp::LATEST,
    };
    store.imported(&query).await.unwrap().map(|rows: Vec<ImportedRow>| {
        let mut candles: Vec<ImportedCandle> = rows.into_iter().map(|row| row.candle).collect();
        candles.sort_by_key(ImportedCandle::open_time);
        candles
    })
}

#[tokio::test]
async fn a3_holds_through_an_import_and_its_roll_ups() {
    if folder().is_none() {
        return;
    }
    let Some((store, _database)) = store().await else { return };
    let new = NewImport {
        id: ImportId::try_new("coinbase-2016-10").unwrap(),
        instrument: instrument(),
        source: Source::try_new("coinbase").unwrap(),
        timeframe: Timeframe::S1,
    };
    let seconds = golden(Timeframe::S1);
    let mut shuffled = seconds.clone();
    shuffled.sort_by_key(|candle| candle.open_time().micros().wrapping_mul(6_364_136_223_846_793_005));
    store.begin_import(&new).await.unwrap();
    for part in shuffled.chunks(1_000) {
        assert_eq!(store.add_imported(&new.id, part).await.unwrap(), part.len() as u64);
    }
    // As after a crash: all of it again.
    store.begin_import(&new).await.unwrap();
    assert_eq!(store.add_imported(&new.id, &seconds).await.unwrap(), 0);
    let first: Timestamp = "2016-10-07".parse().unwrap();
    let covered = TimeRange::try_new(first, first.plus(2 * DAY)).unwrap();
    let import = store.finish_import(&new.id, covered).await.unwrap();
    for days in [0, 60] {
        // On the Community edition everything is compressed by then; what is imported is kept forever.
        maintain(&store, first.plus((3 + days) * DAY)).await;
        let stored = stored(&store, &import).await;
        for timeframe in Timeframe::ALL {
            assert_eq!(stored[timeframe.index()], golden(timeframe), "{timeframe} after {days} days");
        }
    }
    let rows: usize = Timeframe::ALL.map(|timeframe| golden(timeframe).len()).iter().sum();
    assert_eq!(store.remove_import(&new.id).await.unwrap(), rows as u64);
}
