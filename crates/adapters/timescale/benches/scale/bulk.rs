//! Bulk load: decoded rows through the store's own port, beside `psql \copy … (FORMAT binary)` of the same rows into the
//! same table of another database, in turn. Without a psql the prepared bytes go through a raw COPY of this process.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use onetape_domain::change::{CandleChange, Changes};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe};
use onetape_ports::{ArchiveStore, Load, LoadRows};
use onetape_timescale::TimescaleStore;
use sqlx::{Connection as _, PgConnection};

use crate::copy::{self, Copy};
use crate::load::{Outcome, for_each_part, now};
use crate::market::{DAY, Plan};
use crate::report::row;

/// Days of candles, of which the last has trades and books.
const DAYS: i64 = 6;
/// Each table is loaded so often on either side.
const ROUNDS: usize = 3;
/// Rows that a copy loads at once, and books.
const ROWS: usize = 50_000;
const BOOKS: usize = 2_000;
/// Books take the longest by far: some hours of a day suffice.
const BOOKS_AT_MOST: usize = 20_000;

/// The rows of one table.
struct Rows {
    name: &'static str,
    changes: Changes,
}

pub(crate) async fn run(ours: &str, floor: &str) -> Outcome<()> {
    TimescaleStore::migrate_url(ours).await?;
    TimescaleStore::migrate_url(floor).await?;
    let store = TimescaleStore::connect(ours).await?;
    let has_psql =
        Command::new("psql").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    let how = if has_psql { "psql \\copy" } else { "raw COPY of prepared bytes" };
    for Rows { name, changes } in tables()? {
        let (mut best, mut base) = (f64::INFINITY, f64::INFINITY);
        let mut count = 0;
        for round in 0..ROUNDS {
            let instrument: Instrument = format!("{name}{round}:ETH/USDT").replace('_', "").parse()?;
            let prepared = copy::encode(&instrument, &changes);
            // Buckets go with their books.
            let files = Files::of(&prepared)?;
            let begin = now();
            count = load(&store, &instrument, &changes).await?;
            best = best.min(begin.elapsed().as_secs_f64());
            let begin = now();
            if has_psql {
                files.psql(floor, &prepared)?
            } else {
                raw(floor, &prepared).await?
            };
            base = base.min(begin.elapsed().as_secs_f64());
        }
        let rate = |seconds: f64| format!("{:.0} rows/s", count as f64 / seconds);
        row(
            &format!("bulk load of {count} rows, {name}, best of {ROUNDS}; budget 0.9"),
            &rate(best),
            &format!("{how}: {}", rate(base)),
            Some(base / best),
        );
    }
    store.close().await;
    Ok(())
}

/// All that is measured, made once.
fn tables() -> Outcome<Vec<Rows>> {
    let plan = Plan { start: crate::END.plus(-DAYS * DAY), seconds: DAYS * 86_400, detailed: 86_400 };
    let mut all = Changes::default();
    for_each_part(plan, |part| {
        let mut changes = part.changes;
        all.append(&mut changes);
        true
    })?;
    all.candles.retain(|change| change.candle.timeframe() == Timeframe::S1);
    all.books.truncate(BOOKS_AT_MOST);
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = all;
    let nothing = Changes::default;
    Ok(vec![
        Rows { name: "ohlcv_1s", changes: Changes { candles, ..nothing() } },
        Rows { name: "trade_events", changes: Changes { trades, ..nothing() } },
        Rows { name: "order_book_snapshots", changes: Changes { books, ..nothing() } },
        Rows { name: "order_book_imbalances", changes: Changes { imbalances, ..nothing() } },
        Rows { name: "stream_coverage", changes: Changes { coverage, ..nothing() } },
    ])
}

/// As a copy does it; says how many rows.
async fn load(store: &TimescaleStore, instrument: &Instrument, changes: &Changes) -> Outcome<usize> {
    let issued = Some(crate::END.plus(3_600 * SECOND));
    store.begin_load(&Load { instrument: instrument.clone(), issued }).await?;
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = changes;
    for part in candles.chunks(ROWS) {
        let part = part.iter().map(|CandleChange { candle, .. }| *candle).collect();
        store.load(instrument, &LoadRows::Candles(part)).await?;
    }
    for part in trades.chunks(ROWS) {
        store.load(instrument, &LoadRows::Trades(part.to_vec())).await?;
    }
    for part in books.chunks(BOOKS) {
        store.load(instrument, &LoadRows::Books(part.to_vec())).await?;
    }
    for part in imbalances.chunks(ROWS) {
        store.load(instrument, &LoadRows::Imbalances(part.to_vec())).await?;
    }
    for part in coverage.chunks(ROWS) {
        store.load(instrument, &LoadRows::Coverage(part.to_vec())).await?;
    }
    Ok(changes.len())
}

/// Binary data as psql reads it.
struct Files(tempfile::TempDir);

impl Files {
    fn of(prepared: &[Copy]) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        for (number, copy) in prepared.iter().enumerate() {
            std::fs::File::create(Self::path(folder.path(), number))?.write_all(&copy.bytes)?;
        }
        Ok(Self(folder))
    }

    fn path(folder: &Path, number: usize) -> std::path::PathBuf {
        folder.join(format!("{number}.pgcopy"))
    }

    fn psql(&self, url: &str, prepared: &[Copy]) -> Outcome<()> {
        for (number, copy) in prepared.iter().enumerate() {
            let path = Self::path(self.0.path(), number);
            let from = copy.statement.replace("FROM STDIN", &format!("FROM '{}'", path.display()));
            let done = Command::new("psql")
                .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command"])
                .arg(format!("\\{}", from.replacen("COPY", "copy", 1)))
                .arg(url)
                .status()?;
            if !done.success() {
                return Err("psql failed".into());
            }
        }
        Ok(())
    }
}

async fn raw(url: &str, prepared: &[Copy]) -> Outcome<()> {
    let mut connection = PgConnection::connect(url).await?;
    for Copy { statement, bytes, .. } in prepared {
        let mut copy = connection.copy_in_raw(statement).await?;
        for piece in bytes.chunks(1 << 18) {
            copy.send(piece).await?;
        }
        copy.finish().await?;
    }
    connection.close().await?;
    Ok(())
}
