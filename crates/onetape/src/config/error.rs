//! Why settings could not be taken.

use std::path::PathBuf;

/// Something wrong in a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, for people.
    pub reason: String,
}

/// Settings that could not be taken. No message shows a value that may be a password.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("the config file {} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file with faults.
    #[error("the config file {} cannot be used:{}", path.display(), listed(faults))]
    File {
        /// Which.
        path: PathBuf,
        /// All of them, by line.
        faults: Vec<Fault>,
    },
    /// A variable of the environment, or a value of the caller.
    #[error("{name} {reason}")]
    Value {
        /// The variable's or the setting's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such setting.
    #[error("{name} is no setting")]
    Unknown {
        /// The name given.
        name: String,
    },
    /// A file that is to be written is there already.
    #[error("{} is there already, and stays as it is", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// A file that cannot be written.
    #[error("the config file {} cannot be written", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl ConfigError {
    /// What to do about it, for people at the command line.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "see that the file is there and may be read; --config and ONETAPE_CONFIG name it"
            }
            Self::File { .. } => {
                "put those lines right; `onetape config init FILE` writes a file that explains every setting"
            }
            Self::Value { .. } => {
                "give a value as it says; `onetape config show` prints all settings with theirs"
            }
            Self::Unknown { .. } => "`onetape config show` prints all settings",
            Self::Exists { .. } => "name another file: `onetape config init FILE`",
            Self::Unwritable { .. } => {
                "name a file in a folder that you may write: `onetape config init FILE`"
            }
        }
    }
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|Fault { line, reason }| format!("\n  line {line}: {reason}")).collect()
}
