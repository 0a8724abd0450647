//! The server that tests use: found by the order the crate's page gives, and asked what it is.

use std::fmt;

use sqlx::PgConnection;

use crate::{Error, Policy, Settings, admin, chain, up, wasm};

/// Which TimescaleDB a server has: what its licence lets it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// The Apache licence's part only, as Debian and many clouds ship it.
    Apache,
    /// All of it, columnstore, policies and continuous aggregates included.
    Community,
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apache => "Apache",
            Self::Community => "Community",
        })
    }
}

/// A server that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    url: String,
    edition: Edition,
    timescale_version: String,
    postgres_version: String,
}

impl Server {
    /// Asks the server at `url`, which must be a superuser's, what it is.
    ///
    /// # Errors
    ///
    /// When it does not answer, or has no TimescaleDB.
    pub async fn at(url: &str) -> Result<Self, Error> {
        let mut admin = connect(url).await?;
        if let Some(server) = ask(&mut admin, url).await? {
            return Ok(server);
        }
        // The edition shows only where the extension is loaded, and a stranger's database is not ours to load it into.
        let name = admin::unique_name("probe");
        admin::execute(&mut admin, &format!(r#"CREATE DATABASE "{name}" TEMPLATE template0"#)).await?;
        let asked = ask_in(&admin::with_database(url, &name)?, url).await;
        admin::drop_database(&mut admin, &name).await?;
        asked
    }

    /// The superuser's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The edition of TimescaleDB.
    pub fn edition(&self) -> Edition {
        self.edition
    }

    /// The version of TimescaleDB, such as `2.19.3`.
    pub fn timescale_version(&self) -> &str {
        &self.timescale_version
    }

    /// The version of PostgreSQL, such as `17.5`.
    pub fn postgres_version(&self) -> &str {
        &self.postgres_version
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edition, timescale_version, postgres_version, .. } = self;
        write!(f, "TimescaleDB {timescale_version} {edition} on PostgreSQL {postgres_version}")
    }
}

/// The server to test on, started if need be. None is a skip, and has been explained on one line.
///
/// # Panics
///
/// Where a server is required (`ONETAPE_TEST_DB=required`) or named (`ONETAPE_TEST_DATABASE_URL`) and none can be had.
pub async fn server() -> Option<Server> {
    let settings = Settings::from_env();
    let located = if settings.is_wasm() { wasm::kept(&settings).await } else { locate(&settings).await };
    let url = or_skip(&settings, located)?;
    or_skip(&settings, Server::at(&url).await)
}

/// The superuser's URL of a server that answers and has TimescaleDB.
pub(crate) async fn locate(settings: &Settings) -> Result<String, Error> {
    if settings.policy == Policy::Off {
        return Err(Error::Unusable("ONETAPE_TEST_DB=off".into()));
    }
    if let Some(url) = &settings.database_url {
        return match connect(url).await {
            Ok(_) => Ok(url.clone()),
            Err(why) => Err(Error::Configured(Box::new(why))),
        };
    }
    up(settings).await.map(|running| running.url)
}

/// What the policy makes of a missing server.
pub(crate) fn or_skip<T>(settings: &Settings, result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(found) => Some(found),
        Err(why @ Error::Configured(_)) => panic!("{}", chain(&why)),
        Err(why) if settings.policy == Policy::Required => {
            panic!("a test database is required (ONETAPE_TEST_DB=required), but: {}", chain(&why))
        }
        Err(why) => {
            eprintln!("SKIPPED, no test database: {}", chain(&why));
            None
        }
    }
}

async fn connect(url: &str) -> Result<PgConnection, Error> {
    let mut connection = admin::connect(url).await?;
    match admin::offered_version(&mut connection).await? {
        Some(_) => Ok(connection),
        None => Err(Error::Unusable("the server answers, but TimescaleDB is not installed there".into())),
    }
}

async fn ask_in(url: &str, admin_url: &str) -> Result<Server, Error> {
    let mut connection = admin::connect(url).await?;
    admin::execute(&mut connection, "CREATE EXTENSION timescaledb").await?;
    let server = ask(&mut connection, admin_url).await?;
    server.ok_or_else(|| Error::Unusable("TimescaleDB was created, but the server does not list it".into()))
}

async fn ask(connection: &mut PgConnection, url: &str) -> Result<Option<Server>, Error> {
    let row: Option<(String, Option<String>, String)> = sqlx::query_as(
        "SELECT extversion, current_setting('timescaledb.license', true), current_setting('server_version')
         FROM pg_extension WHERE extname = 'timescaledb'",
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::database("ask for the server's edition"))?;
    Ok(row.map(|(timescale_version, licence, postgres)| Server {
        url: url.to_owned(),
        edition: if licence.as_deref() == Some("timescale") { Edition::Community } else { Edition::Apache },
        timescale_version,
        postgres_version: postgres.split_whitespace().next().unwrap_or_default().to_owned(),
    }))
}
