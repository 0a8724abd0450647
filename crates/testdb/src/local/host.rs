//! A PostgreSQL 17 or newer with TimescaleDB that is installed on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Cluster;
use crate::{
    Error,
    command::{is_root, run},
};

/// The oldest major version that the project supports.
const OLDEST: u32 = 17;
/// Where Debian and the PostgreSQL project's own packages put one folder a major version.
const ROOTS: &[&str] = &["/usr/lib/postgresql", "/usr/local", "/opt/homebrew/opt", "/usr"];

/// PostgreSQL's programs, and its major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    bin: PathBuf,
    major: u32,
}

impl Host {
    pub(crate) fn cluster(self, home: &Path, name: &str) -> Result<Cluster, Error> {
        // As root the data belongs to `postgres`, who cannot reach into root's home.
        let parent = if is_root() { PathBuf::from("/var/lib/postgresql") } else { home.to_path_buf() };
        let parent = parent.canonicalize().map_err(Error::io(format!("find {}", parent.display())))?;
        Ok(Cluster { root: None, bin: self.bin, data: parent.join(format!("{name}-pg{}", self.major)) })
    }
}

/// The newest suitable installation.
pub(crate) fn find() -> Result<Host, Error> {
    let mut hosts: Vec<Host> = pg_configs().iter().filter_map(|path| inspect(path)).collect();
    hosts.sort_by_key(|host| host.major);
    hosts.pop().ok_or_else(|| {
        Error::Unusable(format!("no PostgreSQL {OLDEST} or newer with TimescaleDB is installed"))
    })
}

fn pg_configs() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = crate::command::find("pg_config").into_iter().collect();
    for folder in ROOTS.iter().filter_map(|root| fs::read_dir(root).ok()).flatten().flatten() {
        found.extend(Some(folder.path().join("bin/pg_config")).filter(|path| path.is_file()));
    }
    found
}

/// The installation that a `pg_config` describes, if it is new enough and has TimescaleDB.
fn inspect(pg_config: &Path) -> Option<Host> {
    let ask = |option: &str| run(Command::new(pg_config).arg(option)).ok().map(|text| text.trim().to_owned());
    let major = major(&ask("--version")?)?;
    let bin = PathBuf::from(ask("--bindir")?);
    let control = PathBuf::from(ask("--sharedir")?).join("extension/timescaledb.control");
    (major >= OLDEST && control.is_file() && bin.join("initdb").is_file()).then_some(Host { bin, major })
}

/// `PostgreSQL 17.11 (Debian …)` → 17; also of a beta, `PostgreSQL 18beta1`.
fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().nth(1)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("PostgreSQL 17.11 (Debian 17.11-0+deb13u1)"), Some(17));
        assert_eq!(major("PostgreSQL 18beta1"), Some(18));
        assert_eq!(major("PostgreSQL"), None);
    }
}
