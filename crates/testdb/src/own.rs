//! A server of one caller's own beside the workspace's, which may be treated as no shared one may be.

use crate::{Cluster, Error, Settings, chain, command::blocking, local, lock::FileLock};

/// A server of this machine for one caller. Stopped and deleted with this value.
#[derive(Debug)]
#[must_use = "the server is stopped together with this value"]
pub struct OwnServer {
    cluster: Cluster,
    port: u16,
    /// One of a name a workspace: what a process that was killed leaves behind, the next one stops.
    _lock: FileLock,
}

impl OwnServer {
    /// Starts a server under a name of its own. What it has confirmed outlives the death of its processes, which is not so
    /// with the servers that tests share.
    ///
    /// # Errors
    /// Where there is no installation of PostgreSQL with TimescaleDB and none can be made, or the server does not start.
    pub async fn start(name: &str) -> Result<Self, Error> {
        let name = name.to_owned();
        blocking(move || {
            let settings = Settings::from_env();
            let cluster = local::beside(&settings, &name)?;
            Self::start_cluster(&settings, cluster, &name, &[], &["synchronous_commit=on"])
        })
        .await
    }

    pub(crate) fn start_cluster(
        settings: &Settings,
        cluster: Cluster,
        name: &str,
        files: &[(&str, &str)],
        server_settings: &[&str],
    ) -> Result<Self, Error> {
        let lock = FileLock::acquire(&settings.state_dir.join(format!("{name}.lock")))?;
        cluster.create()?;
        for (file, text) in files {
            cluster.write(file, text)?;
        }
        let port = cluster.start_with(server_settings)?;
        Ok(Self { cluster, port, _lock: lock })
    }

    /// Ends all processes of the server of this name at once, as a crash does, and starts it again on the same port: what is
    /// under way there is lost. For the process that started it and for others.
    ///
    /// # Errors
    /// Where it is not running, or does not start again.
    pub async fn restart_at_once(name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        blocking(move || local::beside(&Settings::from_env(), &name)?.restart_at_once()).await
    }

    /// Its port on 127.0.0.1; the superuser `postgres` needs no password.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of its database `postgres`, as its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if let Err(why) = self.cluster.stop().and_then(|_| self.cluster.delete()) {
            eprintln!("onetape-testdb: a server of its own was left behind: {}", chain(&why));
        }
    }
}
