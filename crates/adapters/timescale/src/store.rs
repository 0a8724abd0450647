//! The store itself: pools of connections, on which every port is implemented.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use onetape_ports::{ClosingStore, StoreError};

use crate::edition::{Edition, ServerInfo};
use crate::frame::KnownPaces;
use crate::layout;
use crate::migrate;
use crate::options::{self, Place};
use crate::pools::{Connections, Pool, Pools};
use crate::session::Session;
use crate::settings::{self, Settings};
use crate::status::{self, StoreStatus};

/// Market data in TimescaleDB. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct TimescaleStore {
    connections: Connections,
    place: Arc<Place>,
    paces: Arc<KnownPaces>,
}

impl TimescaleStore {
    /// Connects to `postgres://user:password@host:port/database`.
    ///
    /// A host that is not local must show a certificate that verifies (`sslmode=verify-full`); a URL that asks
    /// for less is refused unless it names the host as `allow_insecure_tls`. The schema is not looked at: see
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    /// `Invalid` for a URL that cannot be read, or asks for less, and for a certificate that is refused; else what the server reports. No error names the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, &Pools::default()).await
    }

    /// The same with other than the default pools.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); `Invalid` for a pool without connections.
    pub async fn connect_with(url: &str, pools: &Pools) -> Result<Self, StoreError> {
        let (connect, place) = options::parse(url)?;
        let connections = Connections::open(connect, pools).await?;
        Ok(Self { connections, place: Arc::new(place), paces: Arc::default() })
    }

    /// Connects, brings the schema up to date and disconnects.
    ///
    /// # Errors
    /// As [`connect`](Self::connect) and [`migrate`](Self::migrate).
    pub async fn migrate_url(url: &str) -> Result<(), StoreError> {
        let store = Self::connect(url).await?;
        let migrated = store.migrate().await;
        store.close().await;
        migrated
    }

    /// Brings the schema up to date, creating the extension where it is missing, and then what follows from
    /// the server's edition and the settings. Doing it again changes nothing. A schema that a later build has
    /// added to is left as it is, with a warning in the log.
    ///
    /// # Errors
    /// `Schema` when the server lacks TimescaleDB or is too old, or the schema is not one that migrations of
    /// this build lead to; `Permission` when the role may not create it.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrate::migrate(self.admin(), None).await
    }

    /// The settings that were applied last.
    ///
    /// # Errors
    /// What the server reports; `Schema` where the database has not been migrated.
    pub async fn settings(&self) -> Result<Settings, StoreError> {
        let mut session = Session::single(self.admin(), "read the settings").await?;
        let settings = settings::applied(session.connection()?).await?;
        session.commit().await?;
        Ok(settings)
    }

    /// Applies settings: chunk lengths for new chunks, and on the Community edition the server's policies.
    /// Applying the same again changes nothing.
    ///
    /// # Errors
    /// What the server reports; `Schema` where the database has not been migrated, or by a later build.
    pub async fn apply_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        migrate::apply_settings(self.admin(), settings).await
    }

    /// Makes sure that server and schema are those this build works with. A schema that a later build has added
    /// to is, with a warning in the log.
    ///
    /// # Errors
    /// `Schema` with what to do.
    pub async fn verify(&self) -> Result<Edition, StoreError> {
        let edition = self.server().await?.usable()?;
        migrate::verify(self.admin()).await?;
        layout::refuse_downgrade(self.admin(), edition).await?;
        Ok(edition)
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// What the server reports.
    pub async fn server(&self) -> Result<ServerInfo, StoreError> {
        ServerInfo::read(self.admin()).await
    }

    /// Server, schema and the size of every table.
    ///
    /// # Errors
    /// What the server reports.
    pub async fn status(&self) -> Result<StoreStatus, StoreError> {
        status::read(self.admin()).await
    }

    /// Closes all connections, waiting for calls under way. Later calls fail with `Shutdown`.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    /// What frames learned of their instruments.
    pub(crate) fn paces(&self) -> &KnownPaces {
        &self.paces
    }

    /// For reads.
    pub(crate) fn readers(&self) -> &Pool {
        &self.connections.reader
    }

    /// For the tape and the quarantine.
    pub(crate) fn writers(&self) -> &Pool {
        &self.connections.writer
    }

    /// For everything about the store itself.
    pub(crate) fn admin(&self) -> &Pool {
        &self.connections.admin
    }
}

#[async_trait]
impl ClosingStore for TimescaleStore {
    async fn close(&self) {
        self.close().await;
    }
}

impl fmt::Display for TimescaleStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { host, port, database } = &*self.place;
        write!(f, "timescale({host}:{port}/{database})")
    }
}

impl fmt::Debug for TimescaleStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimescaleStore").field("place", &self.place).finish_non_exhaustive()
    }
}
