//! Settings from a file, the environment and the caller, each with where it comes from.
//!
//! What the caller says goes before the environment, that before the file, that before the default. The file is the one
//! given or named by `ONETAPE_CONFIG`, else `onetape.toml` in the working directory, else `onetape/onetape.toml` in the
//! user's config folder (`XDG_CONFIG_HOME`, or `~/.config`). Every setting has a variable: `pipeline.batch_size` is
//! `ONETAPE_PIPELINE_BATCH_SIZE`.

#[cfg(feature = "live")]
mod collect;
mod error;
mod file;
mod keys;
#[cfg(feature = "legacy")]
mod legacy;
mod surroundings;
mod template;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onetape_domain::instrument::Exchange;
use onetape_ingestion::PipelineConfig;
use onetape_provider::ProviderConfig;
use serde::Serialize;

#[cfg(feature = "live")]
pub use collect::CollectConfig;
pub use error::{ConfigError, Fault};
use keys::{KEYS, Key, STORE, Values};
use surroundings::Surroundings;

use crate::error::OpenError;
use crate::open::{Builder, Onetape};
use crate::url::StoreUrl;

/// The variable that names the config file.
const FILE_VARIABLE: &str = "ONETAPE_CONFIG";

/// All settings, and where each comes from.
#[derive(Debug, Clone)]
pub struct Config {
    values: Values,
    origins: BTreeMap<&'static str, Origin>,
    file: Option<PathBuf>,
    surroundings: Surroundings,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The config file, on this line.
    File {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// The caller, by this name: a flag of the command line.
    Caller(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "{variable} in the environment"),
            Self::Caller(name) => f.write_str(name),
        }
    }
}

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its dotted name.
    pub name: &'static str,
    /// Its value, without a password; empty where the default is somebody else's to say.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it means.
    pub about: &'static str,
}

impl Config {
    /// Reads file and environment.
    ///
    /// # Errors
    /// For a file that is named and is not there, for every unknown key and wrong value of a file with its line, and
    /// for a variable with a wrong value.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_in(Surroundings::of_this_process(), file)
    }

    fn load_in(surroundings: Surroundings, file: Option<&Path>) -> Result<Self, ConfigError> {
        let file =
            file.map(Path::to_owned).or_else(|| surroundings.variable(FILE_VARIABLE).map(PathBuf::from));
        let file = file.or_else(|| surroundings.config_files().into_iter().find(|path| path.is_file()));
        let values = Values::defaults();
        let mut config = Self { values, origins: BTreeMap::new(), file: file.clone(), surroundings };
        if let Some(path) = file {
            config.take_file(&path)?;
        }
        config.take_environment()?;
        Ok(config)
    }

    fn take_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        for entry in file::read(path)? {
            let file::Entry { key, value, line } = entry;
            match (key.set)(&mut self.values, &value) {
                Ok(()) => drop(self.origins.insert(key.name, Origin::File { path: path.to_owned(), line })),
                Err(reason) => faults.push(Fault { line, reason: format!("{} {reason}", key.name) }),
            }
        }
        if let Some(StoreUrl::Sqlite(store)) = &mut self.values.store {
            *store = surroundings::beside(path, store);
        }
        #[cfg(feature = "live")]
        if let Some(journal) = &mut self.values.collect.journal {
            *journal = surroundings::beside(path, journal);
        }
        #[cfg(feature = "legacy")]
        if let Some(folder) = &mut self.values.legacy.folder {
            *folder = surroundings::beside(path, folder);
        }
        if let (true, Err((name, reason))) = (faults.is_empty(), keys::check(&self.values)) {
            faults.push(Fault { line: self.line(name), reason: format!("{name} {reason}") });
        }
        faults.sort_by_key(|fault| fault.line);
        if faults.is_empty() { Ok(()) } else { Err(ConfigError::File { path: path.to_owned(), faults }) }
    }

    /// The line that sets something, or the first one.
    fn line(&self, name: &str) -> usize {
        match self.origins.get(name) {
            Some(Origin::File { line, .. }) => *line,
            _ => 1,
        }
    }

    fn take_environment(&mut self) -> Result<(), ConfigError> {
        for key in KEYS {
            let variable = key.variable();
            let Some(value) = self.surroundings.variable(&variable).cloned() else { continue };
            let Some(value) = value.to_str() else {
                return Err(ConfigError::Value { name: variable, reason: "is no text".to_owned() });
            };
            let set = (key.set)(&mut self.values, value);
            set.map_err(|reason| ConfigError::Value { name: variable.clone(), reason })?;
            self.origins.insert(key.name, Origin::Environment(variable));
        }
        keys::check(&self.values)
            .map_err(|(name, reason)| ConfigError::Value { name: name.to_owned(), reason })
    }

    /// Sets one setting over file and environment; `said_by` is what [`settings`](Self::settings) then names as its
    /// origin, such as `--store`.
    ///
    /// # Errors
    /// For a name that is none, and a value that does not fit.
    pub fn set(&mut self, name: &str, value: &str, said_by: &str) -> Result<(), ConfigError> {
        let key = Key::named(name).ok_or_else(|| ConfigError::Unknown { name: name.to_owned() })?;
        let wrong = |reason| ConfigError::Value { name: said_by.to_owned(), reason };
        let mut values = self.values.clone();
        (key.set)(&mut values, value).map_err(wrong)?;
        keys::check(&values)
            .map_err(|(name, reason)| ConfigError::Value { name: name.to_owned(), reason })?;
        self.values = values;
        self.origins.insert(key.name, Origin::Caller(said_by.to_owned()));
        Ok(())
    }

    /// The file that was read.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where [`load`](Self::load) looks for a file, the first one first.
    pub fn places(file: Option<&Path>) -> Vec<PathBuf> {
        let surroundings = Surroundings::of_this_process();
        match named_file(&surroundings, file) {
            Some(named) => vec![named],
            None => surroundings.config_files(),
        }
    }

    /// The user's own file, whether it is there or not.
    pub fn users_file() -> Option<PathBuf> {
        Surroundings::of_this_process().users_config_file()
    }

    /// Where a setting comes from.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or(Origin::Default)
    }

    /// All settings.
    pub fn settings(&self) -> Vec<Setting> {
        let setting = |key: &'static Key| Setting {
            name: key.name,
            value: match (key.name, self.store()) {
                (STORE, Ok(store)) => store.to_string(),
                _ => (key.show)(&self.values),
            },
            origin: self.origin(key.name),
            about: key.about,
        };
        KEYS.iter().map(setting).collect()
    }

    /// The store: the one that was named, else the file `onetape/onetape.db` in the user's data folder
    /// (`XDG_DATA_HOME`, or `~/.local/share`).
    ///
    /// # Errors
    /// Where none was named and the user has no such folder.
    pub fn store(&self) -> Result<StoreUrl, OpenError> {
        match &self.values.store {
            Some(store) => Ok(store.clone()),
            None => self.surroundings.store_file().map(StoreUrl::Sqlite).ok_or(OpenError::NoDefaultPlace),
        }
    }

    /// Whether nobody named a store.
    pub fn is_default_store(&self) -> bool {
        self.values.store.is_none()
    }

    /// Makes the folder of the default store where it is missing. A folder that somebody named is not made.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn make_default_folder(&self) -> Result<(), OpenError> {
        if let (true, StoreUrl::Sqlite(path)) = (self.is_default_store(), self.store()?)
            && let Some(folder) = path.parent()
        {
            std::fs::create_dir_all(folder)
                .map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
        }
        Ok(())
    }

    /// Venue of bare symbols.
    pub fn default_exchange(&self) -> &Exchange {
        &self.values.provider.default_exchange
    }

    /// Settings of the read side.
    pub fn provider(&self) -> &ProviderConfig {
        &self.values.provider
    }

    /// Settings of the write side.
    pub fn pipeline(&self) -> &PipelineConfig {
        &self.values.pipeline
    }

    /// How a journal is kept, for [`Builder::journal`](crate::Builder::journal).
    #[cfg(feature = "journal")]
    pub fn journal_options(&self) -> onetape_journal::JournalOptions {
        self.values.journal
    }

    /// Batches of this size unless somebody named another; for work that reads as fast as it can.
    #[must_use]
    pub fn with_default_batch_size(mut self, rows: usize) -> Self {
        if self.origin(keys::BATCH_SIZE) == Origin::Default {
            self.values.pipeline.batch_size = rows;
        }
        self
    }

    /// Sizes and time limits of the connections to TimescaleDB.
    #[cfg(feature = "timescale")]
    pub fn pools(&self) -> &onetape_timescale::Pools {
        &self.values.pools
    }

    /// How late a trade of a tape may come; none: as its venue has it.
    pub fn tape_lateness(&self) -> Option<Duration> {
        self.values.lateness
    }

    /// What is collected live, and how.
    #[cfg(feature = "live")]
    pub fn collect(&self) -> &CollectConfig {
        &self.values.collect
    }

    /// Where the files of an older system are, and which of them are written on.
    #[cfg(feature = "legacy")]
    pub fn legacy(&self) -> &crate::legacy::LegacyConfig {
        &self.values.legacy
    }

    /// A builder with these settings.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub fn builder(&self) -> Result<Builder, OpenError> {
        let builder = Onetape::builder_of(Ok(self.store()?))
            .provider_config(self.values.provider.clone())
            .pipeline_config(self.values.pipeline);
        #[cfg(feature = "timescale")]
        let builder = builder.timescale_pools(self.values.pools.clone());
        Ok(builder)
    }

    /// A file that explains every setting and sets none.
    pub fn sample() -> String {
        template::text()
    }

    /// Writes [`sample`](Self::sample) into a new file, making its folder where that is missing.
    ///
    /// # Errors
    /// Where there is a file already, which stays as it is, and where the system does not let it.
    pub fn write_sample(path: &Path) -> Result<(), ConfigError> {
        let unwritable = |source| ConfigError::Unwritable { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let written = std::fs::File::create_new(path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, Self::sample().as_bytes()));
        written.map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.to_owned() },
            _ => unwritable(source),
        })
    }
}

/// The file that is given, else the one that the environment names.
fn named_file(surroundings: &Surroundings, given: Option<&Path>) -> Option<PathBuf> {
    given.map(Path::to_owned).or_else(|| surroundings.variable(FILE_VARIABLE).map(PathBuf::from))
}

#[cfg(test)]
mod tests;
