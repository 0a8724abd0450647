//! Taking old seconds over: batches and roll-ups beside `COPY … (FORMAT binary)` of a prepared file of the same rows into the
//! same table of another database; then reading all of it back, and removing it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use futures::TryStreamExt as _;
use onetape_domain::imported::{ImportedCandle, NewImport};
use onetape_domain::manifest::ColumnSums;
use onetape_domain::time::{SECOND, TimeRange};
use onetape_ports::{ImportStore, ManifestStore};
use onetape_testkit::Seconds;
use onetape_timescale::TimescaleStore;
use sqlx::{Connection as _, PgConnection};

use crate::copy::Copy;
use crate::load::{Outcome, now};
use crate::report::row;

/// Rows of a batch, as they are read of a file.
const ROWS: u64 = 65_536;
/// Bytes that are sent at once of the prepared file.
const PIECE: usize = 1 << 20;
const IMPORTED: &str = "symbol, exchange, source, import_id, timeframe, timestamp, trade_count, open_price, high_price, \
    low_price, close_price, volume, taker_buy_volume";
/// Rows of which the values at their times are looked up.
const LOOKED_UP: u64 = 10;

pub(crate) async fn run(ours: &str, floor: &str, count: u64) -> Outcome<()> {
    TimescaleStore::migrate_url(ours).await?;
    TimescaleStore::migrate_url(floor).await?;
    let seconds = Seconds { first: crate::END.plus(-(count as i64) * SECOND), count };
    let import = seconds.import()?;
    let base = prepared(floor, &seconds, &import).await?;
    let store = TimescaleStore::connect(ours).await?;
    let batches = batches(&store, &seconds).await?;
    let begin = now();
    store.finish_import(&import.id, seconds.covered()?).await?;
    let finish = begin.elapsed();
    let rate = |taken: Duration| format!("{:.0} rows/s", count as f64 / taken.as_secs_f64());
    let ratio = |taken: Duration| Some(base.as_secs_f64() / taken.as_secs_f64());
    let floor = format!("COPY of prepared rows: {}", rate(base));
    row(&format!("{count} seconds in batches of {ROWS}"), &rate(batches), &floor, ratio(batches));
    let whole = format!("the same with roll-ups ({:.1} s); budget 0.5", finish.as_secs_f64());
    row(&whole, &rate(batches + finish), &floor, ratio(batches + finish));
    let read = read(&store, &seconds, &import).await?;
    row("all of it read back", &rate(read), "500,000 rows/s", None);
    looked_up(&store, &seconds, &import).await?;
    let begin = now();
    let removed = store.remove_import(&import.id).await?;
    row(&format!("{removed} rows removed"), &format!("{:.1} s", begin.elapsed().as_secs_f64()), "", None);
    row("most memory of this process", &most_memory(), "256 MB", None);
    store.close().await;
    Ok(())
}

/// How long the rows take that are encoded already.
async fn prepared(url: &str, seconds: &Seconds, import: &NewImport) -> Outcome<Duration> {
    let mut file = tempfile::tempfile()?;
    let mut copy = Copy::new(&import.instrument, "ohlcv_imported", IMPORTED);
    for batch in seconds.batches(ROWS) {
        let rows = batch?.candles.into_iter().flat_map(|(_, rows)| rows);
        rows.for_each(|row| encode(&mut copy, import, &row.candle));
        file.write_all(&copy.bytes)?;
        copy.bytes.clear();
    }
    file.write_all(&(-1_i16).to_be_bytes())?;
    let mut connection = PgConnection::connect(url).await?;
    let begin = now();
    send(&mut file, &mut connection, &copy.statement).await?;
    let taken = begin.elapsed();
    connection.close().await?;
    Ok(taken)
}

fn encode(copy: &mut Copy, import: &NewImport, candle: &ImportedCandle) {
    let sum = candle.ohlcv();
    copy.begin();
    for text in [import.source.as_str(), import.id.as_str(), import.timeframe.as_str()] {
        copy.field(text.as_bytes());
    }
    copy.time(candle.open_time());
    match sum.trade_count {
        Some(count) => copy.long(count as i64),
        None => copy.null(),
    }
    for value in [*sum.open, *sum.high, *sum.low, *sum.close, *sum.volume] {
        copy.number(value);
    }
    copy.maybe(sum.taker_buy_volume.map(|volume| *volume));
}

async fn send(file: &mut File, connection: &mut PgConnection, statement: &str) -> Outcome<()> {
    use std::io::Seek as _;
    file.rewind()?;
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => drop(copy.send(&piece[..read]).await?),
        }
    }
    copy.finish().await?;
    Ok(())
}

/// How long the batches take; the rows are made outside of it.
async fn batches(store: &TimescaleStore, seconds: &Seconds) -> Outcome<Duration> {
    store.begin_run(&seconds.run()?, seconds.first).await?;
    let mut taken = Duration::ZERO;
    for batch in seconds.batches(ROWS) {
        let batch = batch?;
        let begin = now();
        store.write_import_batch(&batch).await?;
        taken += begin.elapsed();
    }
    Ok(taken)
}

/// How long it takes to read everything back, which must be what was written.
async fn read(store: &TimescaleStore, seconds: &Seconds, import: &NewImport) -> Outcome<Duration> {
    let begin = now();
    let mut candles = store.stream_import(&import.id, TimeRange::ALL);
    let (mut count, mut sums) = (0, ColumnSums::default());
    while let Some(candle) = candles.try_next().await? {
        sums.add(&candle);
        count += 1;
    }
    let taken = begin.elapsed();
    let last = seconds.batches(ROWS).last().ok_or("no seconds")??;
    if (count, sums) != (seconds.count, last.sums) {
        return Err(format!("{count} of {} seconds came back, or others", seconds.count).into());
    }
    Ok(taken)
}

/// Batches that are looked up by their times, from all over the import.
async fn looked_up(store: &TimescaleStore, seconds: &Seconds, import: &NewImport) -> Outcome<()> {
    let mut taken = Duration::ZERO;
    let mut found = 0;
    for start in (0..seconds.count.saturating_sub(ROWS)).step_by((seconds.count / LOOKED_UP).max(1) as usize)
    {
        let times: Vec<_> = (start..start + ROWS).map(|number| seconds.open_time(number)).collect();
        let begin = now();
        found += store.import_at(&import.id, &times).await?.len();
        taken += begin.elapsed();
    }
    let rate = format!("{:.0} rows/s", found as f64 / taken.as_secs_f64());
    row(&format!("candles at {ROWS} instants"), &rate, "", None);
    Ok(())
}

fn most_memory() -> String {
    let bytes = onetape_testkit::memory::peak_bytes(std::process::id());
    bytes.map_or_else(|| "unknown here".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000))
}
