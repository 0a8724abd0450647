//! A second server, which speaks TLS with a certificate of the caller's, for one test.

use crate::{Cluster, Engines, Error, OwnServer, Policy, Settings, chain, command::blocking, local};

/// A server that speaks TLS and takes connections without it as well. Stopped and deleted with this value.
#[derive(Debug)]
#[must_use = "the server is stopped together with this value"]
pub struct TlsServer(OwnServer);

/// Starts a server with a certificate and its key, both PEM. None is a skip, and has been explained on one line: it
/// needs an installation of PostgreSQL on this machine, or root to make one, whatever `ONETAPE_TEST_DB` requires.
///
/// # Panics
///
/// Where there is an installation, and the server does not start.
pub async fn tls_server(certificate: &str, key: &str) -> Option<TlsServer> {
    let settings = Settings::from_env();
    let (certificate, key) = (certificate.to_owned(), key.to_owned());
    let started = blocking(move || {
        let cluster = match installed(&settings) {
            Ok(cluster) => cluster,
            Err(why) => return Ok(Err(why)),
        };
        TlsServer::start(&settings, cluster, &certificate, &key).map(Ok)
    });
    match started.await {
        Ok(Ok(server)) => Some(server),
        Ok(Err(why)) => {
            eprintln!("SKIPPED, no server with TLS: {}", chain(&why));
            None
        }
        Err(why) => panic!("no server with TLS could be started: {}", chain(&why)),
    }
}

fn installed(settings: &Settings) -> Result<Cluster, Error> {
    if settings.policy == Policy::Off || matches!(settings.engines, Engines::Container | Engines::Wasm) {
        return Err(Error::Unusable("the environment asks for no local server".into()));
    }
    local::beside(settings, "tls")
}

impl TlsServer {
    fn start(settings: &Settings, cluster: Cluster, certificate: &str, key: &str) -> Result<Self, Error> {
        let files = [("server.crt", certificate), ("server.key", key)];
        OwnServer::start_cluster(settings, cluster, "tls", &files, &["ssl=on"]).map(Self)
    }

    /// Its port on 127.0.0.1; the superuser `postgres` needs no password.
    pub fn port(&self) -> u16 {
        self.0.port()
    }
}
