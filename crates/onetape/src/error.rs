//! Why a store could not be opened.

use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};

use crate::url::StoreUrl;

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
    /// There is no place for a default store.
    #[error(
        "no store is named, and there is no place for one: neither XDG_DATA_HOME nor HOME is an absolute path"
    )]
    NoDefaultPlace,
    /// The folder of the default store cannot be made.
    #[error("the folder {} of the default store cannot be made", folder.display())]
    Folder {
        /// Which folder.
        folder: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Settings that cannot be taken.
    #[cfg(feature = "config")]
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
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

impl OpenError {
    /// What to do about it, for people at the command line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownScheme { .. } | Self::NoFile { .. } => {
                "give sqlite://FILE, postgres://user@host/database or memory:, or none for the default store"
            }
            Self::NotBuilt { .. } => "build with that feature, or name another store",
            Self::Settings(_) => "`onetape db settings` prints every setting and its default",
            Self::NothingToMaintain => "leave --store out for the default store",
            Self::NoRoles => "set a file's permissions with chmod and chown",
            Self::NoDefaultPlace => "set HOME, or name a store: --store sqlite://FILE or ONETAPE_STORE",
            Self::Folder { .. } => {
                "name another place: --store sqlite://FILE, ONETAPE_STORE or XDG_DATA_HOME"
            }
            #[cfg(feature = "config")]
            Self::Config(error) => error.hint(),
            #[cfg(feature = "journal")]
            Self::Journal(_) => "give the journal a folder that this process alone may write",
            #[cfg(feature = "journal")]
            Self::Recovery(_) => "see that the store works, then open it again with the same journal",
            Self::Store { store, source } if matches!(store.parse(), Ok(StoreUrl::Sqlite(_))) => {
                hint_of_file(source.kind())
            }
            Self::Store { source, .. } => hint_of(source.kind()),
        }
    }
}

/// The same of a file: there is no server to look at, and no role.
fn hint_of_file(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Connection | StoreErrorKind::Permission | StoreErrorKind::Invalid => {
            "the file's folder must be there, and both must be writable (`ls -ld` shows it); or name another file"
        }
        other => hint_of(other),
    }
}

/// What to do about a store's failure, for people at the command line.
pub fn hint_of(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Connection => {
            "see that the server runs and that the URL is right (host, port, user, TLS); then run the command again"
        }
        StoreErrorKind::Shutdown => "run the command again",
        StoreErrorKind::Resource => {
            "make room on the disk or end what holds the connections, then run the command again: it goes on from there"
        }
        StoreErrorKind::Serialization | StoreErrorKind::Timeout => {
            "run the command again; if it happens often, see what else uses the store"
        }
        StoreErrorKind::Conflict => {
            "let only one process write an instrument: end the other one, then run the command again"
        }
        StoreErrorKind::Data => {
            "this is a fault of onetape or of the data: report it with what ONETAPE_LOG=debug shows"
        }
        StoreErrorKind::Schema => {
            "`onetape db setup` makes what is missing, `onetape db migrate` brings it up to date; a store of a later \
             version needs that version"
        }
        StoreErrorKind::Permission => {
            "use a user or role that may do this (see `onetape db setup --roles`), or another file"
        }
        StoreErrorKind::Corrupt => {
            "name the right file, or restore it from a backup; `onetape doctor` examines it"
        }
        StoreErrorKind::Unavailable => "ask again, or for another instant",
        StoreErrorKind::Invalid => {
            "see that the path or URL is right; `onetape db setup` makes a new store where there is none"
        }
        // Kinds that this version does not know are faults too.
        _ => "this is a fault of onetape: report it with what ONETAPE_LOG=debug shows",
    }
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
