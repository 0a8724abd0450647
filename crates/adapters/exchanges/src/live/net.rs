//! Connections to servers: TCP, and TLS that is verified by the system's certificates.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::LiveError;

/// A connection, encrypted or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// Its address, without a slash at the end.
    url: String,
    /// The path in it, if any.
    prefix: String,
    host: String,
    port: u16,
    tls: bool,
}

impl Server {
    /// Takes an address apart. `plain` and `secure` are the schemes that are meant.
    pub(super) fn parse(url: &str, plain: &str, secure: &str) -> Result<Self, LiveError> {
        let wrong = |reason: String| LiveError::Address { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|error: hyper::http::uri::InvalidUri| wrong(error.to_string()))?;
        let tls = match uri.scheme_str() {
            Some(scheme) if scheme == plain => false,
            Some(scheme) if scheme == secure => true,
            _ => return Err(wrong(format!("it must begin with {secure}:// or {plain}://"))),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("it names no host".to_owned()))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(LiveError::Address {
                url: format!("{}://{host}", uri.scheme_str().unwrap_or_default()),
                reason: "it must not hold a name or password".to_owned(),
            });
        }
        if uri.query().is_some() {
            return Err(wrong("it must end with a path".to_owned()));
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { url: url.trim_end_matches('/').to_owned(), prefix, host: host.to_owned(), port, tls })
    }

    /// Address of something on it.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The path of something on it.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The address itself, as errors show it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Value of the header `Host`.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Connects within a time.
    pub(super) async fn connect(&self, within: Duration) -> Result<Box<dyn Io>, LiveError> {
        match tokio::time::timeout(within, self.connect_slowly()).await {
            Ok(connected) => connected,
            Err(_) => Err(LiveError::Timeout { url: self.url.clone(), after: within }),
        }
    }

    async fn connect_slowly(&self) -> Result<Box<dyn Io>, LiveError> {
        let failed =
            |error: std::io::Error| LiveError::Unreachable { url: self.url.clone(), source: error.into() };
        // An IPv6 address stands in brackets in a URL, and without them here.
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        if !self.tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| LiveError::Address { url: self.url.clone(), reason: error.to_string() })?;
        let connector = TlsConnector::from(tls()?);
        Ok(Box::new(connector.connect(name, stream).await.map_err(failed)?))
    }
}

/// TLS by ring and the certificates of the system, read once.
fn tls() -> Result<Arc<ClientConfig>, LiveError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (used, _) = roots.add_parsable_certificates(found.certs);
    if used == 0 {
        let reason = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(LiveError::Certificates(reason.into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| LiveError::Certificates(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let server = |url| Server::parse(url, "ws", "wss").expect("an address");
        let plain = server("ws://127.0.0.1:8080/");
        assert_eq!((plain.authority(), plain.tls), ("127.0.0.1:8080".to_owned(), false));
        assert_eq!(plain.at("/stream"), "ws://127.0.0.1:8080/stream");
        let secure = server("wss://stream.binance.com");
        assert_eq!((secure.authority(), secure.tls), ("stream.binance.com:443".to_owned(), true));
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for url in ["", "stream.binance.com", "https://stream.binance.com", "ws://", "ws://host/?a=b"] {
            assert!(Server::parse(url, "ws", "wss").is_err(), "{url}");
        }
        let error = Server::parse("ws://me:secret@host", "ws", "wss").expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
