//! One PostgreSQL cluster: made, started and stopped as the user `postgres`, in a Debian root or on the host.

use std::{
    fmt,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use crate::{
    Error,
    command::{self, Superuser, is_root, run},
    settings::fingerprint,
};

/// Ports below the range that outgoing connections take theirs from.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;
/// How often another free port is tried when somebody else took the last one.
const START_ATTEMPTS: u16 = 3;

/// No durability: a test database is worth nothing after a power cut. No background workers: a test that needs a job runs it.
const SERVER_SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_preload_libraries=timescaledb",
    "timescaledb.max_background_workers=0",
    "timescaledb.telemetry_level=off",
    "max_connections=200",
    "max_locks_per_transaction=256",
    "shared_buffers=256MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=2GB",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
];

/// Made beside and renamed: a cluster is either whole or not there.
const CREATE: &str = r#"set -e
[ ! -f "$1/PG_VERSION" ] || exit 0
rm -rf "$1" "$1.partial"
"$2/initdb" --pgdata="$1.partial" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync
mv "$1.partial" "$1"
"#;

/// A PostgreSQL cluster of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// The Debian root it lives in; none for the host's own installation.
    pub(crate) root: Option<PathBuf>,
    /// PostgreSQL's programs, as seen inside the root.
    pub(crate) bin: PathBuf,
    /// The data, as seen inside the root.
    pub(crate) data: PathBuf,
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}, data in {}", self.bin.display(), self.data.display())?;
        match &self.root {
            Some(root) => write!(f, ", both inside the Debian root {}", root.display()),
            None => Ok(()),
        }
    }
}

impl Cluster {
    /// The data folder, as the server itself names it.
    pub fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn create(&self) -> Result<(), Error> {
        run(self.sh(CREATE)?.arg(&self.data).arg(&self.bin)).map(drop)
    }

    /// Starts the server and waits until it takes connections; its port. The server outlives this process.
    pub(crate) fn start(&self) -> Result<u16, Error> {
        self.start_with(&[])
    }

    /// The same with further settings.
    pub(crate) fn start_with(&self, settings: &[&str]) -> Result<u16, Error> {
        if self.is_running()? {
            self.stop()?;
        }
        let mut attempt = 0;
        loop {
            let port = self.free_port(attempt)?;
            match self.start_on(port, settings) {
                Ok(()) => return Ok(port),
                Err(_) if attempt + 1 < START_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a file that only the server may read among its data.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let script = r#"umask 077 && printf %s "$3" > "$1/$2""#;
        run(self.sh(script)?.arg(&self.data).args([name, text])).map(drop)
    }

    fn start_on(&self, port: u16, settings: &[&str]) -> Result<(), Error> {
        let all = SERVER_SETTINGS.iter().chain(settings);
        let options: String = all.map(|setting| format!("-c {setting} ")).collect();
        let result = run(self
            .postgres("pg_ctl")?
            .args(["start", "--wait", "--timeout=120", "--silent"])
            .arg("--pgdata")
            .arg(&self.data)
            .arg("--log")
            .arg(self.log())
            .arg("--options")
            .arg(format!("{options}-c port={port}")));
        result
            .map(drop)
            .map_err(|error| Error::Unusable(format!("{error}; the server's log ends: {}", self.log_tail())))
    }

    /// Stops the server; false where it was not running.
    pub(crate) fn stop(&self) -> Result<bool, Error> {
        if !self.is_running()? {
            return Ok(false);
        }
        let mut stop = self.postgres("pg_ctl")?;
        match run(stop.args(["stop", "--mode=fast", "--silent", "--pgdata"]).arg(&self.data)) {
            // A server that was killed, and that its parent had not noticed yet, is down without having been shut down.
            Err(why) if self.is_running()? => Err(why),
            _ => Ok(true),
        }
    }

    /// Ends all processes of a running server at once, as a crash does, and starts it again as it was.
    pub(crate) fn restart_at_once(&self) -> Result<(), Error> {
        let mut restart = self.postgres("pg_ctl")?;
        restart.args(["restart", "--mode=immediate", "--wait", "--timeout=120", "--silent"]);
        run(restart.arg("--log").arg(self.log()).arg("--pgdata").arg(&self.data)).map(drop)
    }

    /// Asks `pg_ctl`, which knows a process id left over from a crash for what it is.
    pub(crate) fn is_running(&self) -> Result<bool, Error> {
        if self.root.as_ref().is_some_and(|root| !root.exists()) {
            return Ok(false);
        }
        let output = command::output(self.postgres("pg_ctl")?.args(["status", "--pgdata"]).arg(&self.data))?;
        Ok(output.status.success())
    }

    pub(crate) fn delete(&self) -> Result<(), Error> {
        if self.root.as_ref().is_some_and(|root| !root.exists()) {
            return Ok(());
        }
        run(self.sh(r#"rm -rf "$1" "$1.partial" "$1.log""#)?.arg(&self.data)).map(drop)
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    fn log_tail(&self) -> String {
        let read = self.sh(r#"tail -n 20 "$1.log""#).and_then(|mut command| run(command.arg(&self.data)));
        read.map_or_else(|error| error.to_string(), |text| command::tail(&text))
    }

    /// The same port at each start where possible, so that an exported URL stays good.
    fn free_port(&self, attempt: u16) -> Result<u16, Error> {
        let key = format!("{:?} {:?}", self.root, self.data);
        let offset = fingerprint(key.as_bytes()) % u64::from(PORTS);
        let preferred = FIRST_PORT + u16::try_from(offset).unwrap_or_default();
        let candidate = if attempt == 0 { preferred } else { 0 };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, candidate))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .map_err(Error::io("find a free port"))?;
        Ok(listener.local_addr().map_err(Error::io("find a free port"))?.port())
    }

    fn sh(&self, script: &str) -> Result<Command, Error> {
        let mut command = self.as_postgres(Path::new("/bin/sh"))?;
        command.args(["-c", script, "sh"]);
        Ok(command)
    }

    fn postgres(&self, program: &str) -> Result<Command, Error> {
        self.as_postgres(&self.bin.join(program))
    }

    /// PostgreSQL refuses to run as root; in a Debian root its user is the root's own.
    fn as_postgres(&self, program: &Path) -> Result<Command, Error> {
        let mut command = match &self.root {
            Some(root) => {
                let superuser = Superuser::detect().ok_or_else(|| {
                    Error::Unusable("changing into a Debian root needs root or password-less sudo".into())
                })?;
                let mut command = superuser.command("chroot");
                command.arg("--userspec=postgres:postgres").arg(root).arg(program);
                command
            }
            None if is_root() => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        Ok(command)
    }
}
