//! Store URLs: which adapter, and where.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::OpenError;

/// Where data is kept. `Display` and `Debug` never show a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `memory:`, gone with the process.
    Memory,
    /// `sqlite://path` or `sqlite:path`, a file; the path is taken as it is.
    Sqlite(PathBuf),
    /// `postgres://…`, a PostgreSQL server with TimescaleDB.
    Postgres(String),
}

impl StoreUrl {
    /// The whole URL, with the password if there is one: for calls, never for people.
    pub fn with_password(&self) -> String {
        match self {
            Self::Postgres(url) => url.clone(),
            other => other.to_string(),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        let scheme = text.split_once(':').map_or(text, |(scheme, _)| scheme);
        match scheme {
            "memory" => Ok(Self::Memory),
            "sqlite" => sqlite(text),
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            _ => Err(OpenError::UnknownScheme { scheme: scheme.chars().take(32).collect() }),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

fn sqlite(text: &str) -> Result<StoreUrl, OpenError> {
    let path = text.split_once(':').map_or("", |(_, path)| path);
    let path = path.strip_prefix("//").unwrap_or(path);
    // Other programs take what follows a question mark for parameters, and `:memory:` for no file at all.
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err(OpenError::NoFile { path: path.to_owned() });
    }
    Ok(StoreUrl::Sqlite(path.into()))
}

/// Cuts the password out of `scheme://user:password@host/…` and the query, which may hold one too.
fn without_password(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let user = user.split_once(':').map_or(user, |(user, _)| user);
    format!("{scheme}://{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_password_is_shown() {
        for url in [
            "postgres://u:s3cret@h:5432/db",
            "postgres://u:s3c@ret@h/db",
            "postgres://u@h/db?password=s3cret",
        ] {
            let shown = format!("{0} {0:?}", url.parse::<StoreUrl>().expect("url"));
            assert!(!shown.contains("s3c") && shown.contains("u@h"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_store_keeps_no_password_either() {
        let shown = format!("{:?}", crate::Onetape::builder("postgrse://u:s3cret@h/db"));
        assert!(shown.contains("postgrse") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_file_is_named_by_its_path() {
        for (url, path) in [
            ("sqlite://market.db", "market.db"),
            ("sqlite:market.db", "market.db"),
            ("sqlite:///var/lib/market.db", "/var/lib/market.db"),
            ("sqlite:/var/lib/market 1%20.db", "/var/lib/market 1%20.db"),
            ("sqlite://../data/market.db", "../data/market.db"),
        ] {
            let parsed = url.parse::<StoreUrl>().expect("url");
            assert_eq!(parsed, StoreUrl::Sqlite(path.into()));
            assert_eq!(parsed.to_string().parse::<StoreUrl>().expect("url"), parsed);
        }
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite", "sqlite://market.db?mode=ro"] {
            let error = url.parse::<StoreUrl>().expect_err("no file");
            assert!(error.to_string().contains("sqlite://market.db"), "{error}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_named() {
        let error = "mysql://h/db".parse::<StoreUrl>().expect_err("no such store");
        assert!(error.to_string().contains("mysql") && error.to_string().contains("postgres://"), "{error}");
    }
}
