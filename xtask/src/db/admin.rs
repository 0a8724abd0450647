//! Statements about whole databases, sent to the server as its superuser.

use anyhow::{Context, Result};
use sqlx::{Connection, Executor, PgConnection};
use url::Url;

use crate::report::line;

/// The URL of another database of the same server.
pub(super) fn url_of(url: &str, database: &str) -> Result<String> {
    let mut url = Url::parse(url).context("the server's URL cannot be read")?;
    url.set_path(database);
    Ok(url.into())
}

/// Creates the database at `url` where it is missing.
pub(super) async fn create(url: &str) -> Result<()> {
    if PgConnection::connect(url).await.is_ok() {
        return Ok(()); // on a server of somebody else's, `postgres` may be closed to us
    }
    let (mut admin, name) = admin_of(url).await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut admin)
        .await?;
    if !exists {
        admin.execute(format!("CREATE DATABASE {}", quoted(&name)).as_str()).await?;
    }
    Ok(())
}

/// Drops the database at `url`, whoever is connected, and creates it anew.
pub(super) async fn recreate(url: &str) -> Result<()> {
    let (mut admin, name) = admin_of(url).await?;
    admin.execute(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&name)).as_str()).await?;
    admin.execute(format!("CREATE DATABASE {}", quoted(&name)).as_str()).await?;
    Ok(())
}

/// Ends all sessions of the database at `url` but this one.
pub(super) async fn end_sessions(url: &str) -> Result<()> {
    let (mut admin, name) = admin_of(url).await?;
    let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    sqlx::query(statement).bind(&name).execute(&mut admin).await?;
    Ok(())
}

/// Size and connections of one database, and what tests have left on the server.
pub(super) async fn status(url: &str, database: &str) -> Result<()> {
    let mut admin = PgConnection::connect(url).await?;
    let size: Option<String> = sqlx::query_scalar(
        "SELECT pg_size_pretty(pg_database_size(oid)) FROM pg_database WHERE datname = $1",
    )
    .bind(database)
    .fetch_optional(&mut admin)
    .await?;
    let (connections, tests, templates, total): (i64, i64, i64, String) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') - 1,
                count(*) FILTER (WHERE starts_with(datname, 'onetape_test_')),
                count(*) FILTER (WHERE starts_with(datname, 'onetape_tpl_')),
                pg_size_pretty(sum(pg_database_size(oid)))
         FROM pg_database",
    )
    .fetch_one(&mut admin)
    .await?;
    let shown = size.unwrap_or_else(|| "not created".to_owned());
    line(format_args!("database     {database}, {shown}: {}", url_of(url, database)?))?;
    line(format_args!(
        "all in all   {total}, {tests} databases of tests, {templates} templates, {connections} connections"
    ))
}

/// A connection to the server's own database, and the name of the database that `url` means.
async fn admin_of(url: &str) -> Result<(PgConnection, String)> {
    let name = Url::parse(url)
        .context("the database's URL cannot be read")?
        .path()
        .trim_start_matches('/')
        .to_owned();
    let admin =
        PgConnection::connect(&url_of(url, "postgres")?).await.context("cannot connect to the server")?;
    Ok((admin, name))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
