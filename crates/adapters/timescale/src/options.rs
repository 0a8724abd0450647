//! How to connect: what the URL says, and what it may leave out.

use std::str::FromStr;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::tls;

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
    let mut parsed = Url::parse(url).map_err(|_| wrong("the database URL cannot be read"))?;
    if !matches!(parsed.scheme(), "postgres" | "postgresql") {
        return Err(wrong("the database URL must begin with postgres://"));
    }
    let allowed = tls::take_allowed(&mut parsed);
    let url = if allowed.is_empty() { url } else { parsed.as_str() };
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| wrong("the database URL has a parameter that cannot be read"))?;
    let says_mode = parsed.query_pairs().any(|(key, _)| matches!(&*key, "sslmode" | "ssl-mode"));
    let options = tls::secured(options, says_mode, &allowed)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        format!("{:?}", parse(url).unwrap().0.get_ssl_mode())
    }

    #[test]
    fn a_host_that_is_not_local_is_verified() {
        assert_eq!(mode("postgres://u:p@db.example.com/x"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@10.0.0.7:5433/x"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@[::ffff:127.0.0.1]/x"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@db.example.com/x?sslmode=verify-full"), "VerifyFull");
        for local in ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u:p@{local}/x")), "Prefer", "{local}");
            assert_eq!(mode(&format!("postgres://u:p@{local}/x?sslmode=disable")), "Disable", "{local}");
        }
    }

    #[test]
    fn less_than_that_is_refused_unless_the_host_is_named() {
        for less in ["disable", "allow", "prefer", "require", "verify-ca"] {
            for url in ["postgres://u:p@db.example.com/x", "postgres://u:p@localhost/x"] {
                let other = if url.contains("localhost") { "&host=db.example.com" } else { "" };
                let url = format!("{url}?sslmode={less}{other}");
                for url in [url.clone(), format!("{url}&allow_insecure_tls=other.example.com")] {
                    let error = parse(&url).unwrap_err();
                    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{url}");
                    assert!(error.to_string().contains("allow_insecure_tls=db.example.com"), "{error}");
                    assert!(error.to_string().contains("sslmode=verify-full"), "{error}");
                }
                assert_ne!(mode(&format!("{url}&allow_insecure_tls=db.example.com")), "VerifyFull");
            }
        }
        // To name a host does not by itself ask for less.
        assert_eq!(mode("postgres://u:p@db.example.com/x?allow_insecure_tls=db.example.com"), "VerifyFull");
        let (options, place) =
            parse("postgres://u:p%40@h.io/x?allow_insecure_tls=h.io&sslmode=require").unwrap();
        assert_eq!((options.get_username(), place.database.as_str()), ("u", "x"));
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
