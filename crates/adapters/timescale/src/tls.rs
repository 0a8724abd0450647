//! TLS: which servers must prove who they are, and what to do where the proof fails.

use std::net::IpAddr;

use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// Parameter of a URL that names a host which need not prove who it is. Never sent to the server.
const ALLOW: &str = "allow_insecure_tls";

/// Takes the named hosts out of a URL, which holds no other parameter that the driver does not know.
pub(crate) fn take_allowed(url: &mut Url) -> Vec<String> {
    let (allowed, others): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(name, _)| name == ALLOW);
    if allowed.is_empty() {
        return Vec::new();
    }
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
    allowed.into_iter().map(|(_, host)| host).collect()
}

/// Makes a server on another machine prove who it is, and refuses a URL that asks for less.
///
/// Less is encrypted at most: whoever is in between can be the server, and gets the password.
pub(crate) fn secured(
    options: PgConnectOptions,
    says_mode: bool,
    allowed: &[String],
) -> Result<PgConnectOptions, StoreError> {
    if is_local(&options) {
        return Ok(options);
    }
    if !says_mode {
        return Ok(options.ssl_mode(PgSslMode::VerifyFull));
    }
    let host = options.get_host();
    if matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) || allowed.iter().any(|named| named == host) {
        return Ok(options);
    }
    let message = format!(
        "the host {host} is not local, and the URL's sslmode does not make it prove who it is: leave sslmode out or \
         give sslmode=verify-full, with sslrootcert=FILE for an authority of your own; to do without on purpose, name \
         the host in the URL as {ALLOW}={host}"
    );
    Err(StoreError::new(StoreErrorKind::Invalid, "connect", message))
}

/// What to do about a connection that failed for its TLS; none where something else failed.
pub(crate) fn explain(error: &sqlx::Error) -> Option<String> {
    let said = match error {
        sqlx::Error::Tls(source) => source.to_string(),
        // The handshake's own errors come as those of the socket.
        sqlx::Error::Io(source) if source.get_ref().is_some() => source.to_string(),
        _ => return None,
    };
    if said.contains("does not support TLS") {
        return Some(
            "the server offers no TLS: turn it on there (ssl = on, with a certificate), or connect from the server's \
             own machine"
                .to_owned(),
        );
    }
    let remedy = if said.contains("UnknownIssuer") {
        "no known authority signed it: give the authority's certificate as sslrootcert=FILE in the URL"
    } else if said.contains("not valid for name") || said.contains("NotValidForName") {
        "it is for another name: connect by a name that it holds"
    } else if said.contains("expired") || said.contains("Expired") {
        "it has expired: renew it on the server"
    } else if said.contains("invalid peer certificate") {
        "it cannot be used: see the cause"
    } else if matches!(error, sqlx::Error::Tls(_)) {
        return Some(format!("no TLS connection to the server can be made: {said}"));
    } else {
        return None;
    };
    Some(format!("the server's certificate is refused: {remedy}"))
}

/// Whether nobody can be in between.
pub(crate) fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

/// Whether the server has proven who it is.
pub(crate) fn is_verified(options: &PgConnectOptions) -> bool {
    matches!(options.get_ssl_mode(), PgSslMode::VerifyFull)
}
