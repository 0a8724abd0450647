//! What a process is started with: its environment, its working directory, and the folders of its user.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Name of a config file.
pub(super) const FILE_NAME: &str = "onetape.toml";

/// Name of the file that is the default store.
const STORE_NAME: &str = "onetape.db";

/// The environment, or one made up.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
    working_directory: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn of_this_process() -> Self {
        Self { variables: std::env::vars_os().collect(), working_directory: std::env::current_dir().ok() }
    }

    #[cfg(test)]
    pub(super) fn made_up(variables: &[(&str, &str)], working_directory: &Path) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Self { variables, working_directory: Some(working_directory.to_owned()) }
    }

    /// A variable; an empty one counts as unset.
    pub(super) fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(&OsString::from(name)).filter(|value| !value.is_empty())
    }

    /// Where a config file is looked for, first one first.
    pub(super) fn config_files(&self) -> Vec<PathBuf> {
        let here = self.working_directory.as_ref().map(|folder| folder.join(FILE_NAME));
        here.into_iter().chain(self.users_config_file()).collect()
    }

    /// The user's own config file, whether it is there or not.
    pub(super) fn users_config_file(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME", ".config", "APPDATA")
            .map(|folder| folder.join("onetape").join(FILE_NAME))
    }

    /// The file of the default store, whether it is there or not.
    pub(super) fn store_file(&self) -> Option<PathBuf> {
        self.folder("XDG_DATA_HOME", ".local/share", "LOCALAPPDATA")
            .map(|folder| folder.join("onetape").join(STORE_NAME))
    }

    /// By the XDG base directory specification, which takes absolute paths only.
    fn folder(&self, xdg: &str, below_home: &str, on_windows: &str) -> Option<PathBuf> {
        let absolute = |name: &str| self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let on_windows = if cfg!(windows) { absolute(on_windows) } else { None };
        absolute(xdg).or(on_windows).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
    }
}

/// A path that is not absolute, seen from the folder of a file.
pub(super) fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}
