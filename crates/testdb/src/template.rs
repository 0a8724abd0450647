//! A database built once per server and cloned for each test.

use std::{fmt, pin::Pin};

use sqlx::{Connection, PgConnection};

use crate::{BoxError, Error, admin, settings::fingerprint};

type Building = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
type Builder = Box<dyn Fn(String) -> Building + Send + Sync>;

/// Templates of another fingerprint that nobody has used for so long are dropped.
pub(crate) const STALE_HOURS: i32 = 1;

/// How to make the database that tests' databases are cloned from.
///
/// It is built by the first test that needs it, under an advisory lock of the server, so that test processes running at once
/// build it once between them. A changed fingerprint makes another template beside it; stale ones are dropped.
pub struct Template {
    family: String,
    fingerprint: u64,
    build: Builder,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.database()).finish()
    }
}

impl Template {
    /// A template of a family (a short word) that `build` fills, given the URL of a new, blank database.
    ///
    /// `fingerprint` must change whenever what `build` does changes: the text of the migrations, say. `build` must have closed
    /// its connections when it returns; those it left are ended.
    pub fn new<B, F, E>(family: &str, fingerprint: impl AsRef<[u8]>, build: B) -> Self
    where
        B: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Self {
            family: admin::identifier(family).chars().take(24).collect(),
            fingerprint: self::fingerprint(fingerprint.as_ref()),
            build: Box::new(move |url| {
                let building = build(url);
                Box::pin(async move { building.await.map_err(Into::into) })
            }),
        }
    }

    /// A database with nothing in it but the extension.
    pub fn bare() -> Self {
        Self::new("bare", "1", |url| async move {
            let mut connection = admin::connect(&url).await?;
            admin::execute(&mut connection, "CREATE EXTENSION timescaledb").await?;
            connection.close().await.map_err(Error::database("disconnect"))
        })
    }

    /// What the names of this family's databases begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}{}_", admin::TEMPLATE_PREFIX, self.family)
    }

    /// The name of the template's database.
    pub fn database(&self) -> String {
        format!("{}{:016x}", self.prefix(), self.fingerprint)
    }

    /// Fills a blank database.
    pub(crate) async fn fill(&self, url: &str) -> Result<(), Error> {
        let filled = (self.build)(url.to_owned()).await;
        filled.map_err(|source| Error::Template { name: self.database(), source })
    }

    /// A new database, cloned from the template, which is built first where it is missing.
    pub(crate) async fn clone_into(
        &self,
        admin: &mut PgConnection,
        url: &str,
        name: &str,
    ) -> Result<(), Error> {
        let template = self.database();
        let statement = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}""#);
        if is_built(admin, &template).await? {
            // Somebody may drop it in between as stale; then it is built anew below.
            if admin::execute(admin, &statement).await.is_ok() {
                return Ok(());
            }
        }
        let key = lock_key(&self.prefix());
        admin::execute(admin, &format!("SELECT pg_advisory_lock({key})")).await?;
        let made = match self.build_under_lock(admin, url).await {
            Ok(()) => admin::execute(admin, &statement).await,
            Err(error) => Err(error),
        };
        admin::execute(admin, &format!("SELECT pg_advisory_unlock({key})")).await?;
        made
    }

    async fn build_under_lock(&self, admin: &mut PgConnection, url: &str) -> Result<(), Error> {
        let name = self.database();
        if is_built(admin, &name).await? {
            return Ok(());
        }
        if let Err(why) = self.tidy(admin, &name).await {
            eprintln!("onetape-testdb: old databases were left in place: {}", crate::chain(&why));
        }
        admin::drop_database(admin, &name).await?; // one whose builder died
        admin::execute(admin, &format!(r#"CREATE DATABASE "{name}" TEMPLATE template0 ENCODING 'UTF8'"#))
            .await?;
        let built_url = admin::with_database(url, &name)?;
        if let Err(error) = self.fill(&built_url).await {
            admin::drop_database(admin, &name).await?;
            return Err(error);
        }
        stop_workers(&built_url).await;
        for statement in [
            format!(r#"ALTER DATABASE "{name}" ALLOW_CONNECTIONS false"#),
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
            format!(r#"ALTER DATABASE "{name}" IS_TEMPLATE true"#), // last: it says that the template is whole
        ] {
            admin::execute(admin, &statement).await?;
        }
        Ok(())
    }

    /// Best effort: a server that will not say how old its databases are keeps them.
    async fn tidy(&self, admin: &mut PgConnection, keep: &str) -> Result<(), Error> {
        admin::drop_older(admin, &self.prefix(), keep, STALE_HOURS).await?;
        admin::drop_forgotten(admin).await
    }
}

async fn is_built(admin: &mut PgConnection, name: &str) -> Result<bool, Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate AND NOT datallowconn)",
    )
    .bind(name)
    .fetch_one(admin)
    .await
    .map_err(Error::database("look for the template"))
}

/// On a server with background workers, TimescaleDB's scheduler would stay connected and forbid cloning.
async fn stop_workers(url: &str) {
    if let Ok(mut connection) = admin::connect(url).await {
        let _ =
            admin::execute(&mut connection, "SELECT _timescaledb_functions.stop_background_workers()").await;
        let _ = connection.close().await;
    }
}

fn lock_key(prefix: &str) -> i64 {
    i64::from_ne_bytes(fingerprint(prefix.as_bytes()).to_ne_bytes())
}
