//! What the server is: PostgreSQL's and TimescaleDB's version, and the edition its licence allows.

use std::fmt;

use onetape_ports::{StoreError, StoreErrorKind};

use crate::error::{EXTENSION_HINT, failed};
use crate::pools::Pool;
use crate::session::Session;

/// Oldest PostgreSQL that the schema works on.
pub const MIN_POSTGRES_MAJOR: u32 = 17;
/// Oldest TimescaleDB that the schema works on.
pub const MIN_TIMESCALEDB: (u32, u32) = (2, 19);

/// The two licences of TimescaleDB. Tables and reads are the same on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edition {
    /// Everything: columnstore, continuous aggregates, policies.
    Community,
    /// Hypertables only; what Debian and many clouds ship.
    Apache,
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Community => "community",
            Self::Apache => "apache",
        })
    }
}

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// PostgreSQL's version, such as `17.11`.
    pub postgres: String,
    /// PostgreSQL's major version.
    pub postgres_major: u32,
    /// Version of the extension in this database; none where it is not created.
    pub timescaledb: Option<String>,
    /// The edition; none where the extension is not loaded.
    pub edition: Option<Edition>,
    /// Version of the extension the server has files of; none where it is not installed.
    pub available: Option<String>,
}

impl ServerInfo {
    pub(crate) async fn read(pool: &Pool) -> Result<Self, StoreError> {
        const OPERATION: &str = "detect the server";
        let mut session = Session::single(pool, OPERATION).await?;
        let row: (String, i32, Option<String>, Option<String>, Option<String>) =
            sqlx::query_as(include_str!("queries/server.sql"))
                .fetch_one(session.connection()?)
                .await
                .map_err(failed(OPERATION))?;
        session.commit().await?;
        let (postgres, number, timescaledb, license, available) = row;
        let edition = match license.as_deref() {
            _ if timescaledb.is_none() => None,
            Some("timescale") => Some(Edition::Community),
            Some("apache") => Some(Edition::Apache),
            Some(other) => {
                let message = format!("the server has the unknown TimescaleDB licence `{other}`");
                return Err(StoreError::new(StoreErrorKind::Schema, OPERATION, message));
            }
            None => None,
        };
        let postgres_major = u32::try_from(number / 10_000).unwrap_or(0);
        Ok(Self { postgres, postgres_major, timescaledb, edition, available })
    }

    /// Major and minor version of the extension; zeros where there is none.
    pub(crate) fn timescaledb_version(&self) -> (u32, u32) {
        let version = self.timescaledb.as_deref().unwrap_or_default();
        let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// The edition of a server the schema works on.
    ///
    /// # Errors
    /// `Schema` with what to do: a PostgreSQL or TimescaleDB that is too old, an extension that is not
    /// installed, not created or not loaded.
    pub fn usable(&self) -> Result<Edition, StoreError> {
        let unusable =
            |message: String| StoreError::new(StoreErrorKind::Schema, "detect the server", message);
        if self.postgres_major < MIN_POSTGRES_MAJOR {
            let message =
                format!("PostgreSQL {} is too old: {MIN_POSTGRES_MAJOR} or later is needed", self.postgres);
            return Err(unusable(message));
        }
        let Some(version) = &self.timescaledb else {
            return Err(unusable(match self.available {
                Some(_) => "the database has no TimescaleDB extension: run `onetape db migrate`".to_owned(),
                None => format!("the server has no TimescaleDB extension: {EXTENSION_HINT}"),
            }));
        };
        if self.timescaledb_version() < MIN_TIMESCALEDB {
            let (major, minor) = MIN_TIMESCALEDB;
            return Err(unusable(format!(
                "TimescaleDB {version} is too old: {major}.{minor} or later is needed"
            )));
        }
        self.edition
            .ok_or_else(|| unusable(format!("the TimescaleDB extension is not loaded: {EXTENSION_HINT}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> ServerInfo {
        ServerInfo {
            postgres: "17.5".to_owned(),
            postgres_major: 17,
            timescaledb: Some("2.19.3".to_owned()),
            edition: Some(Edition::Apache),
            available: Some("2.19.3".to_owned()),
        }
    }

    #[test]
    fn each_lack_is_named_with_its_remedy() {
        assert_eq!(info().usable().unwrap(), Edition::Apache);
        let cases = [
            (ServerInfo { postgres_major: 16, ..info() }, "17 or later"),
            (ServerInfo { timescaledb: None, ..info() }, "onetape db migrate"),
            (ServerInfo { timescaledb: None, available: None, ..info() }, "shared_preload_libraries"),
            (ServerInfo { edition: None, ..info() }, "not loaded"),
            (ServerInfo { timescaledb: Some("2.9.0".to_owned()), ..info() }, "2.19 or later"),
        ];
        for (info, hint) in cases {
            let error = info.usable().unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Schema);
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
}
