//! How to connect: what the URL says, and what it may leave out.

use std::net::IpAddr;
use std::str::FromStr;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// Where a store is, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
}

/// Reads a URL. Its text never becomes part of an error: it may hold a password.
pub(crate) fn parse(url: &str) -> Result<(PgConnectOptions, Place), StoreError> {
    let wrong = |message: &str| StoreError::new(StoreErrorKind::Invalid, "connect", message);
    let parsed = Url::parse(url).map_err(|_| wrong("the database URL cannot be read"))?;
    if !matches!(parsed.scheme(), "postgres" | "postgresql") {
        return Err(wrong("the database URL must begin with postgres://"));
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| wrong("the database URL has a parameter that cannot be read"))?;
    let says_mode = parsed.query_pairs().any(|(key, _)| matches!(&*key, "sslmode" | "ssl-mode"));
    let options =
        if says_mode || is_local(&options) { options } else { options.ssl_mode(PgSslMode::VerifyFull) };
    let options = options.application_name("onetape").disable_statement_logging();
    let place = Place {
        host: options
            .get_socket()
            .map_or_else(|| options.get_host().to_owned(), |path| path.display().to_string()),
        port: options.get_port(),
        database: options.get_database().unwrap_or_else(|| options.get_username()).to_owned(),
    };
    Ok((options, place))
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        format!("{:?}", parse(url).unwrap().0.get_ssl_mode())
    }

    #[test]
    fn a_host_that_is_not_local_is_verified_unless_the_url_says_otherwise() {
        assert_eq!(mode("postgres://u:p@db.example.com/x"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@10.0.0.7:5433/x"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@db.example.com/x?sslmode=require"), "Require");
        assert_eq!(mode("postgresql://u:p@db.example.com/x?sslmode=disable"), "Disable");
        for local in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u:p@{local}/x")), "Prefer", "{local}");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_url() {
        for url in [
            "postgres://u:secret@h:port/x",
            "mysql://u:secret@h/x",
            "secret",
            "postgres://u:secret@h/x?sslmode=secret",
        ] {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid);
            assert!(!format!("{error:?} {error}").contains("secret"), "{error}");
        }
    }
}
