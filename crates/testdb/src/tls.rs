//! A second server, which speaks TLS with a certificate of the caller's, for one test.

use crate::{Cluster, Engines, Error, Policy, Settings, chain, command::blocking, local, lock::FileLock};

/// A server that speaks TLS and takes connections without it as well. Stopped and deleted with this value.
#[derive(Debug)]
#[must_use = "the server is stopped together with this value"]
pub struct TlsServer {
    cluster: Cluster,
    port: u16,
    /// One a workspace: what a test that was killed leaves behind, the next one stops.
    _lock: FileLock,
}

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
        let lock = FileLock::acquire(&settings.state_dir.join("tls.lock"))?;
        cluster.create()?;
        cluster.write("server.crt", certificate)?;
        cluster.write("server.key", key)?;
        let port = cluster.start_with(&["ssl=on"])?;
        Ok(Self { cluster, port, _lock: lock })
    }

    /// Its port on 127.0.0.1; the superuser `postgres` needs no password.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        if let Err(why) = self.cluster.stop().and_then(|_| self.cluster.delete()) {
            eprintln!("onetape-testdb: the server with TLS was left behind: {}", chain(&why));
        }
    }
}
