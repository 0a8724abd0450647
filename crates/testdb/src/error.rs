//! What can go wrong on the way to a test database.

use std::{error, fmt, io, process::ExitStatus};

/// Any error, as a template's builder returns it.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why there is no test database. `Display` leaves out the source: print it with [`chain`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Every way of getting a server was tried; each entry is one way and what stood in it.
    #[error("no TimescaleDB can be had here: {}", .0.join("; "))]
    Unavailable(Vec<String>),
    /// `ONETAPE_TEST_DATABASE_URL` is set, but no usable server answers there.
    #[error("no usable server answers at ONETAPE_TEST_DATABASE_URL")]
    Configured(#[source] Box<Error>),
    /// A program could not be run, or said no.
    #[error("{program} failed ({status}): {output}")]
    Command {
        /// The program, with the arguments that matter.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it printed.
        output: String,
    },
    /// A file, a folder or a process could not be handled.
    #[error("cannot {what}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The server refused a statement or a connection.
    #[error("cannot {what}")]
    Database {
        /// What was being done.
        what: String,
        /// The server's answer.
        #[source]
        source: sqlx::Error,
    },
    /// The Docker engine refused.
    #[error("cannot {what}")]
    Container {
        /// What was being done.
        what: String,
        /// The engine's answer.
        #[source]
        source: BoxError,
    },
    /// The caller's builder of a template failed.
    #[error("cannot build the template database {name}")]
    Template {
        /// The template's database.
        name: String,
        /// The builder's own error.
        #[source]
        source: BoxError,
    },
    /// Something is missing or unusable; the text says what.
    #[error("{0}")]
    Unusable(String),
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn database(what: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let what = what.into();
        move |source| Self::Database { what, source }
    }
}

/// An error with all its sources on one line.
pub fn chain<'a>(error: &'a (dyn error::Error + 'static)) -> impl fmt::Display + 'a {
    struct Chain<'a>(&'a (dyn error::Error + 'static));
    impl fmt::Display for Chain<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}", self.0)?;
            let mut source = self.0.source();
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
            Ok(())
        }
    }
    Chain(error)
}
