//! Into a TimescaleDB, beside `psql \copy` of the same rows into the same table of another database.

use std::path::Path;
use std::process::Command;

use sqlx::{Connection as _, Executor as _, PgConnection};
use url::Url;

use crate::Outcome;
use crate::process::{onetape, timed};
use crate::table::Table;

/// Settings of a server that figures depend on.
const SETTINGS: [&str; 7] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "work_mem",
    "max_wal_size",
    "timescaledb.license",
];
const COLUMNS: &str = "symbol, exchange, source, import_id, timeframe, timestamp, trade_count, open_price, high_price, \
    low_price, close_price, volume, taker_buy_volume";

pub(crate) async fn run(url: &str, folder: &Path, cache: &Path, table: &mut Table) -> Outcome<()> {
    let ours = database_at(url, "onetape_bench_import").await?;
    let floor = database_at(url, "onetape_bench_import_copy").await?;
    let cache = cache.to_str().ok_or("the folder's name is no text")?;
    for url in [&ours, &floor] {
        onetape(&["db", "setup", "--store", url])?;
    }
    table.heading(&format!("TimescaleDB: {}", settings(url).await?));
    checkpoint(url).await?;
    let ran = onetape(&["import", "run", cache, "--store", &ours])?;
    checkpoint(url).await?;
    let verified = onetape(&["import", "verify", "--store", &ours])?;
    let binary = folder.join("rows.pgcopy");
    let rows = format!("SELECT {COLUMNS} FROM ohlcv_imported WHERE timeframe = '1s' ORDER BY timestamp");
    psql(&ours, &format!(r"\copy ({rows}) TO '{}' (FORMAT binary)", binary.display()))?;
    checkpoint(url).await?;
    let copy = format!(r"\copy ohlcv_imported ({COLUMNS}) FROM '{}' (FORMAT binary)", binary.display());
    let (base, ()) = timed(|| psql(&floor, &copy))?;
    std::fs::remove_file(&binary)?;
    table.floor(r"psql \copy of the same rows, binary, into the same table", base);
    table.line("`import run`: planned, taken in, rolled up", &ran, Some((base, Some(0.5))));
    table.line("`import verify`, beside half of the run", &verified, Some((ran.seconds, Some(0.5))));
    let run = ran.out.split_whitespace().skip_while(|word| *word != "run").nth(1).ok_or("no run")?.to_owned();
    let removed = onetape(&["import", "rollback", &run, "--store", &ours])?;
    table.line("`import rollback`", &removed, None);
    for name in ["onetape_bench_import", "onetape_bench_import_copy"] {
        PgConnection::connect(url)
            .await?
            .execute(format!("DROP DATABASE {name} WITH (FORCE)").as_str())
            .await?;
    }
    Ok(())
}

/// What the server says of itself.
async fn settings(url: &str) -> Outcome<String> {
    let mut connection = PgConnection::connect(url).await?;
    let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?;
    let mut settings = vec![format!("PostgreSQL {version}")];
    for name in SETTINGS {
        let value: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        settings.push(format!("{name} {}", value.unwrap_or_default()));
    }
    connection.close().await?;
    Ok(settings.join(", "))
}

/// So that nobody pays for what another one wrote.
async fn checkpoint(url: &str) -> Outcome<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute("CHECKPOINT").await?;
    Ok(connection.close().await?)
}

fn psql(url: &str, command: &str) -> Outcome<()> {
    let done = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url, "--command", command])
        .status()
        .map_err(|error| format!("psql, which is the floor, cannot be run: {error}"))?;
    if done.success() { Ok(()) } else { Err(format!("psql ended with {done}").into()) }
}

/// Makes a database anew.
async fn database_at(url: &str, name: &str) -> Outcome<String> {
    let mut admin = PgConnection::connect(url).await?;
    admin.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)").as_str()).await?;
    admin.execute(format!("CREATE DATABASE {name}").as_str()).await?;
    admin.close().await?;
    let mut url = Url::parse(url)?;
    url.set_path(name);
    Ok(url.into())
}
