//! What is done to a server as its superuser: connecting, naming, creating and dropping databases.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use url::Url;

use crate::Error;

/// Long, because a machine busy with builds answers late; a server that is down refuses at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Databases of tests, which nobody may count on.
pub(crate) const TEST_PREFIX: &str = "onetape_test_";
/// Databases that tests' databases are cloned from.
pub(crate) const TEMPLATE_PREFIX: &str = "onetape_tpl_";
/// Kept and forgotten databases are dropped after this time, templates of another fingerprint too.
const KEPT_HOURS: i32 = 24;

/// The URL of another database of the same server.
pub(crate) fn with_database(url: &str, database: &str) -> Result<String, Error> {
    let mut url =
        Url::parse(url).map_err(|why| Error::Unusable(format!("the server's URL cannot be read: {why}")))?;
    url.set_path(database);
    Ok(url.into())
}

pub(crate) async fn connect(url: &str) -> Result<PgConnection, Error> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect(url)).await;
    let late = || sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    connecting.unwrap_or_else(|_| Err(late())).map_err(Error::database("connect to the server"))
}

/// Names are made by this crate, of lower-case letters, digits and underscores, so quoting is all they need.
pub(crate) async fn execute(connection: &mut PgConnection, statement: &str) -> Result<(), Error> {
    connection.execute(statement).await.map_err(Error::database(format!("run `{statement}`"))).map(drop)
}

pub(crate) async fn drop_database(connection: &mut PgConnection, name: &str) -> Result<(), Error> {
    execute(connection, &format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#)).await
}

/// Whether the server offers TimescaleDB at all; its version.
pub(crate) async fn offered_version(connection: &mut PgConnection) -> Result<Option<String>, Error> {
    sqlx::query_scalar("SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'")
        .fetch_optional(connection)
        .await
        .map_err(Error::database("ask for the server's extensions"))
}

/// Drops databases of tests that were kept or left behind long ago and that nobody is connected to.
pub(crate) async fn drop_forgotten(connection: &mut PgConnection) -> Result<(), Error> {
    drop_older(connection, TEST_PREFIX, "", KEPT_HOURS).await
}

/// Drops the databases whose names begin with `prefix`, except one, that are older than so many hours and idle.
pub(crate) async fn drop_older(
    connection: &mut PgConnection,
    prefix: &str,
    except: &str,
    hours: i32,
) -> Result<(), Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname FROM pg_database d
         WHERE starts_with(datname, $1) AND datname <> $2
           AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - make_interval(hours => $3)
           AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)",
    )
    .bind(prefix)
    .bind(except)
    .bind(hours)
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::database("list forgotten databases"))?;
    for name in names {
        execute(connection, &format!(r#"ALTER DATABASE "{name}" IS_TEMPLATE false"#)).await?;
        drop_database(connection, &name).await?;
    }
    Ok(())
}

/// A name nobody else has: what a test is called, as far as it fits, and random digits.
pub(crate) fn unique_name(label: &str) -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    /// PostgreSQL cuts longer names off in silence.
    const LONGEST: usize = 63;
    let random = format!("{:010x}", RandomState::new().build_hasher().finish() >> 24);
    let room = LONGEST - TEST_PREFIX.len() - random.len() - 1;
    let label = identifier(label);
    let label = &label[label.len().saturating_sub(room)..];
    format!("{TEST_PREFIX}{}_{random}", label.trim_matches('_'))
}

/// Lower-case letters, digits and underscores only.
pub(crate) fn identifier(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        let label = "store::candles::A very long name of a test, longer than PostgreSQL takes";
        let (one, two) = (unique_name(label), unique_name(label));
        assert!(one.len() <= 63 && one.starts_with("onetape_test_") && one != two, "{one} {two}");
        assert!(one.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{one}");
    }

    #[test]
    fn another_database_keeps_user_and_options() {
        let url = with_database("postgres://u:p%40@localhost:5433/postgres?sslmode=disable", "x").unwrap();
        assert_eq!(url, "postgres://u:p%40@localhost:5433/x?sslmode=disable");
    }
}
