//! Into a SQLite file, beside one `INSERT … SELECT` of the same rows into the same table of another file.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::Outcome;
use crate::process::{now, onetape};
use crate::table::Table;

pub(crate) async fn run(folder: &Path, cache: &Path, table: &mut Table) -> Outcome<()> {
    let (ours, floor) = (folder.join("market.db"), folder.join("floor.db"));
    let cache = cache.to_str().ok_or("the folder's name is no text")?;
    let url = |path: &Path| format!("sqlite://{}", path.display());
    let store = url(&ours);
    for path in [&ours, &floor] {
        onetape(&["db", "setup", "--store", &url(path)])?;
    }
    table.heading("SQLite");
    let ran = onetape(&["import", "run", cache, "--store", &store])?;
    let verified = onetape(&["import", "verify", "--store", &store])?;
    let base = insert(&ours, &floor).await?;
    std::fs::remove_file(&floor)?;
    table.floor("one `INSERT … SELECT` of the same rows into the same table", base);
    table.line("`import run`: planned, taken in, rolled up", &ran, Some((base, None)));
    table.line("`import verify`, beside half of the run", &verified, Some((ran.seconds, Some(0.5))));
    let run = ran.out.split_whitespace().skip_while(|word| *word != "run").nth(1).ok_or("no run")?.to_owned();
    let removed = onetape(&["import", "rollback", &run, "--store", &store])?;
    table.line("`import rollback`", &removed, None);
    Ok(())
}

/// How long the rows take that SQLite has already, until they are on the disk.
async fn insert(from: &Path, to: &Path) -> Outcome<f64> {
    let options = SqliteConnectOptions::new().filename(to).synchronous(SqliteSynchronous::Full);
    let mut connection = options.foreign_keys(false).pragma("cache_size", "-32768").connect().await?;
    sqlx::query("ATTACH $1 AS ours")
        .bind(from.to_str().ok_or("the folder's name is no text")?)
        .execute(&mut connection)
        .await?;
    let begin = now();
    connection
        .execute(
            "INSERT INTO main.ohlcv_imported SELECT * FROM ours.ohlcv_imported WHERE timeframe = '1s' \
             ORDER BY import, timeframe, timestamp",
        )
        .await?;
    connection.close().await?;
    Ok(begin.elapsed().as_secs_f64())
}
