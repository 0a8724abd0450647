//! Where to look for a server and what to do without one: read from the environment.

use std::{
    env,
    path::{Path, PathBuf},
};

/// What a test does when no server can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Skip, and say why on one line.
    Optional,
    /// Fail (`ONETAPE_TEST_DB=required`).
    Required,
    /// Do not even look (`ONETAPE_TEST_DB=off`).
    Off,
}

/// The kinds of server that may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    /// A container where possible, else a local server.
    Any,
    /// A container or nothing.
    Container,
    /// A local server or nothing.
    Local,
    /// TimescaleDB Community as WebAssembly, a server of its own for each test, or nothing.
    Wasm,
}

/// How a server is found or started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A server that is there already: `ONETAPE_TEST_DATABASE_URL`.
    pub database_url: Option<String>,
    /// What a test does without a server: `ONETAPE_TEST_DB`.
    pub policy: Policy,
    /// Where servers and their data live, shared by all checkouts of one user: `ONETAPE_DB_HOME`.
    pub home: PathBuf,
    /// Where this workspace notes the server it started: `ONETAPE_DB_STATE`, by default `.onetape` in the workspace.
    pub state_dir: PathBuf,
    /// The kinds of server that may be started: `ONETAPE_DB_ENGINE`.
    pub engines: Engines,
    /// Whether missing Debian packages may be installed. Tests never do that; `cargo xtask db up` does.
    pub install_packages: bool,
}

impl Settings {
    /// The settings that the environment asks for.
    ///
    /// # Panics
    ///
    /// When `ONETAPE_TEST_DB` or `ONETAPE_DB_ENGINE` is a word it cannot be: a typing error must not turn a failure into a skip.
    pub fn from_env() -> Self {
        let policy = match env::var("ONETAPE_TEST_DB").as_deref() {
            Ok("required") => Policy::Required,
            Ok("off") => Policy::Off,
            Ok("") | Err(_) => Policy::Optional,
            Ok(other) => panic!("ONETAPE_TEST_DB is {other:?}; it can be `required` or `off`"),
        };
        Self {
            database_url: env::var("ONETAPE_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()),
            policy,
            home: home(),
            state_dir: path("ONETAPE_DB_STATE").unwrap_or_else(|| workspace().join(".onetape")),
            engines: match env::var("ONETAPE_DB_ENGINE").as_deref() {
                Ok("container") => Engines::Container,
                Ok("local") => Engines::Local,
                Ok("wasm") => Engines::Wasm,
                Ok("") | Err(_) => Engines::Any,
                Ok(other) => {
                    panic!("ONETAPE_DB_ENGINE is {other:?}; it can be `container`, `local` or `wasm`")
                }
            },
            install_packages: false,
        }
    }

    /// Whether each test has a WebAssembly server of its own. A server that is named by its URL comes first, as always.
    pub(crate) fn is_wasm(&self) -> bool {
        self.engines == Engines::Wasm && self.database_url.is_none()
    }

    /// A short name for this workspace, the same in every process that uses it.
    pub(crate) fn workspace_id(&self) -> String {
        format!("{:08x}", fingerprint(self.state_dir.as_os_str().as_encoded_bytes()) >> 32)
    }
}

fn home() -> PathBuf {
    path("ONETAPE_DB_HOME")
        .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("onetape")))
        .or_else(|| path("HOME").map(|home| home.join(".cache/onetape")))
        .unwrap_or_else(|| PathBuf::from("/var/cache/onetape"))
}

fn path(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The root of the workspace that this crate was built in.
fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// FNV-1a, 64 bits: unlike the standard library's hashers, the same in every build and process.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_fnv_1a() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_workspace_is_the_folder_with_the_lock_file() {
        assert!(workspace().join("Cargo.lock").is_file(), "{}", workspace().display());
    }
}
