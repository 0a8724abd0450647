//! Why a store could not be opened.

use onetape_domain::violation::Violations;
use onetape_ports::StoreError;

/// A store that could not be opened or set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no known store.
    #[error("`{scheme}` is no kind of store: give sqlite://FILE, postgres://user@host/database or memory:")]
    UnknownScheme {
        /// What it names.
        scheme: String,
    },
    /// The URL names no file.
    #[error(
        "`{path}` names no file: give a path without parameters, as in sqlite://market.db, or memory: for no file"
    )]
    NoFile {
        /// What it names.
        path: String,
    },
    /// The URL names a store this build was made without.
    #[error("this build has no support for {store}: build it with the feature `{feature}`")]
    NotBuilt {
        /// Which store.
        store: &'static str,
        /// The feature it needs.
        feature: &'static str,
    },
    /// A settings file that cannot be applied.
    #[error("the settings cannot be applied:{}", listed(.0))]
    Settings(Violations),
    /// A store that keeps nothing.
    #[error("a store in memory needs no maintenance: give sqlite://FILE or postgres://user@host/database")]
    NothingToMaintain,
    /// A store without roles.
    #[error(
        "only a server has roles: give postgres://user@host/database; who may use a file, the system's permissions say"
    )]
    NoRoles,
    /// The journal cannot be opened.
    #[cfg(feature = "journal")]
    #[error("the journal cannot be used")]
    Journal(#[source] onetape_ports::JournalError),
    /// What the journal holds cannot be written to the store. It is kept.
    #[cfg(feature = "journal")]
    #[error("what the journal holds cannot be taken up; it is kept")]
    Recovery(#[source] onetape_ingestion::IngestError),
    /// The store refused.
    #[error("{store} cannot be used")]
    Store {
        /// Which store, without its password.
        store: String,
        /// Why.
        #[source]
        source: StoreError,
    },
}

#[cfg(not(feature = "sqlite"))]
impl OpenError {
    pub(crate) const WITHOUT_SQLITE: Self = Self::NotBuilt { store: "sqlite://", feature: "sqlite" };
}

#[cfg(not(feature = "timescale"))]
impl OpenError {
    pub(crate) const WITHOUT_TIMESCALE: Self = Self::NotBuilt { store: "postgres://", feature: "timescale" };
}

/// One a line: a file may break many rules at once.
fn listed(violations: &Violations) -> String {
    violations.0.iter().map(|violation| format!("\n  {violation}")).collect()
}
