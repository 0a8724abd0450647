//! The doctor: looks at a server and a store, and says what is wrong, why it matters and what to do.
//!
//! It changes nothing, and needs no more than a reader's privileges; what it may not see it says. A check that fails is
//! a finding, so one of them never hides the others.

mod access;
mod policies;
mod report;
mod server;
mod storage;

pub use report::{DoctorReport, Finding, Severity, TableHealth};

use onetape_ports::{StoreError, StoreErrorKind, WallClock};

use crate::edition::{Edition, ServerInfo};
use crate::layout;
use crate::migrate;
use crate::settings::Settings;
use crate::store::TimescaleStore;

const EXAMINE: &str = "examine the store";

impl TimescaleStore {
    /// Examines server and store, as of the clock's time.
    ///
    /// # Errors
    /// Only where the server does not say what it is. Whatever else is wrong is a finding.
    pub async fn doctor(&self, clock: &dyn WallClock) -> Result<DoctorReport, StoreError> {
        let server = self.server().await?;
        let mut examination = Examination {
            store: self,
            clock,
            edition: server.usable().ok(),
            report: DoctorReport::new(self.to_string(), &server),
            settings: None,
        };
        examination.everything(&server).await;
        Ok(examination.report)
    }
}

/// An examination under way.
struct Examination<'a> {
    store: &'a TimescaleStore,
    clock: &'a dyn WallClock,
    /// None where the schema does not work on the server.
    edition: Option<Edition>,
    report: DoctorReport,
    /// None where they cannot be read.
    settings: Option<Settings>,
}

impl Examination<'_> {
    async fn everything(&mut self, server: &ServerInfo) {
        let checked = self.server(server).await;
        self.unless_failed("server", checked);
        let checked = self.clock().await;
        self.unless_failed("clock", checked);
        let checked = self.session().await;
        self.unless_failed("tls", checked);
        let Some(edition) = self.edition else { return };
        if !self.schema(edition).await {
            return;
        }
        let checked = self.roles(edition).await;
        self.unless_failed("roles", checked);
        self.settings().await;
        let checked = self.policies(edition).await;
        self.unless_failed("policies", checked);
        let checked = self.jobs(edition).await;
        self.unless_failed("jobs", checked);
        let checked = self.maintenance().await;
        self.unless_failed("maintenance", checked);
        let checked = self.tables(edition).await;
        self.unless_failed("tables", checked);
    }

    fn pool(&self) -> Result<&sqlx::PgPool, StoreError> {
        self.store.admin().sessions(EXAMINE)
    }

    fn unless_failed(&mut self, check: &'static str, checked: Result<(), StoreError>) {
        let Err(error) = checked else { return };
        self.report.findings.push(Finding::warning(
            check,
            format!("could not be checked: {error}"),
            "what is not looked at may be broken",
            match error.kind() {
                StoreErrorKind::Permission => "examine the store as a member of its owner role",
                _ => "see to the cause, and examine the store again",
            },
        ));
    }

    /// Whether the schema is this build's, so that more of it can be looked at.
    async fn schema(&mut self, edition: Edition) -> bool {
        let verified = match migrate::verify(self.store.admin()).await {
            Ok(()) => layout::refuse_downgrade(self.store.admin(), edition).await,
            error => error,
        };
        let usable = verified.is_ok();
        self.report.findings.push(match verified {
            Ok(()) => Finding::ok(
                "schema",
                format!("all {} migrations are applied", migrate::MIGRATOR.iter().count()),
            ),
            Err(error) => Finding::error(
                "schema",
                error.to_string(),
                "this build neither reads nor writes such a database",
                "do what the message says; `onetape db migrate` applies what is missing",
            ),
        });
        usable
    }

    async fn settings(&mut self) {
        let read = self.store.settings().await;
        match read {
            Ok(settings) => {
                self.report.findings.push(Finding::ok("settings", "the applied settings break no rule"));
                self.settings = Some(settings);
            }
            Err(error) => self.report.findings.push(Finding::error(
                "settings",
                error.to_string(),
                "periods that do not fit each other lose rows or aggregates, and nothing is maintained by them",
                "apply safe ones with `onetape db setup --settings FILE`",
            )),
        }
    }
}
