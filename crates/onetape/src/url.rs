//! Store URLs: which adapter, and where.

use std::fmt;
use std::str::FromStr;

use crate::error::OpenError;

/// Where data is kept. `Display` and `Debug` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:`, gone with the process.
    Memory,
    /// `postgres://…`, a PostgreSQL server with TimescaleDB.
    Postgres(String),
}

impl FromStr for StoreUrl {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        let scheme = text.split_once(':').map_or(text, |(scheme, _)| scheme);
        match scheme {
            "memory" => Ok(Self::Memory),
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            _ => Err(OpenError::UnknownScheme { scheme: scheme.chars().take(32).collect() }),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
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
    fn an_unknown_scheme_is_named() {
        let error = "mysql://h/db".parse::<StoreUrl>().expect_err("no such store");
        assert!(error.to_string().contains("mysql") && error.to_string().contains("postgres://"), "{error}");
    }
}
