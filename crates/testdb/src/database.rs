//! One database for one test: cloned from a template, dropped afterwards, kept where the test failed.

use std::thread;

use sqlx::PgConnection;

use crate::{
    Error, Settings, Template, admin, chain,
    server::{locate, or_skip},
    wasm,
};

/// One database for one test. Dropped with this value; kept, and its URL printed, where the test panics.
#[derive(Debug)]
#[must_use = "the database is dropped together with this value"]
pub struct TestDb {
    url: String,
    admin_url: String,
    name: String,
    keep: bool,
    /// What serves it and nothing else; none where it is one database of a server.
    server: Option<wasm::Server>,
}

/// A database of the test's own, or None as a visible skip.
///
/// # Panics
///
/// Where a server is required or named and none can be had, and where the template cannot be built.
pub async fn database(template: &Template) -> Option<TestDb> {
    let settings = Settings::from_env();
    if settings.is_wasm() {
        let server = or_skip(&settings, wasm::start(&settings, template).await)?;
        return Some(TestDb::of_server(server));
    }
    let admin_url = or_skip(&settings, locate(&settings).await)?;
    match TestDb::create(&admin_url, template).await {
        Ok(db) => Some(db),
        Err(why) => panic!("no database could be made for this test: {}", chain(&why)),
    }
}

impl TestDb {
    /// A database on a given server, whose URL must be a superuser's.
    ///
    /// # Errors
    ///
    /// When the server refuses, or the template cannot be built.
    pub async fn create(admin_url: &str, template: &Template) -> Result<Self, Error> {
        let name = admin::unique_name(thread::current().name().unwrap_or("unnamed"));
        let url = admin::with_database(admin_url, &name)?;
        let mut admin = admin::connect(admin_url).await?;
        template.clone_into(&mut admin, admin_url, &name).await?;
        Ok(Self { url, admin_url: admin_url.to_owned(), name, keep: false, server: None })
    }

    fn of_server(server: wasm::Server) -> Self {
        let (url, name) = (server.url(), wasm::DATABASE.to_owned());
        Self { admin_url: url.clone(), url, name, keep: false, server: Some(server) }
    }

    /// The superuser's URL of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The superuser's URL of the server's own database, for what cannot be done from inside this one.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its server has nothing else in it, and ends with it: then what belongs to the server, roles say, goes too.
    pub fn has_own_server(&self) -> bool {
        self.server.is_some()
    }

    /// A connection to this database.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn connect(&self) -> Result<PgConnection, Error> {
        admin::connect(&self.url).await
    }

    /// Keeps the database even where the test passes: to look at it by hand.
    pub fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if self.server.is_some() {
            return; // It ends with this value, and keeps nothing.
        }
        if self.keep || thread::panicking() {
            eprintln!("onetape-testdb: kept for you to look at: {}", self.url);
            return;
        }
        // A runtime of its own: the test's may be this very thread's, or gone already.
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        let dropped = thread::spawn(move || drop_now(&admin_url, &name)).join();
        match dropped {
            Ok(Ok(())) => {}
            Ok(Err(why)) => eprintln!("onetape-testdb: {} was left behind: {}", self.name, chain(&why)),
            Err(_) => eprintln!("onetape-testdb: {} was left behind: dropping it panicked", self.name),
        }
    }
}

fn drop_now(admin_url: &str, name: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("start a runtime"))?.block_on(async {
        let mut admin = admin::connect(admin_url).await?;
        admin::drop_database(&mut admin, name).await
    })
}
