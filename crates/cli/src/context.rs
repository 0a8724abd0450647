//! What every command works with: the settings, and the store they name.

use std::path::Path;

use anyhow::Context as _;
use onetape::config::Config;
use onetape::domain::instrument::Instrument;
use onetape::{Onetape, StoreUrl};

use crate::args::{InstrumentName, StoreArg};
use crate::hint::hinted;
use crate::output::note;

/// The settings of a run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
}

impl Context {
    /// Reads file and environment.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self { config: Config::load(file)? })
    }

    /// The same with the store a command was given, if any.
    pub(crate) fn with_store(mut self, store: &StoreArg) -> anyhow::Result<Self> {
        if let Some(url) = &store.store {
            self.config.set("store", url, "--store").map_err(|_| match url.parse::<StoreUrl>() {
                Err(error) => anyhow::Error::from(error),
                Ok(_) => anyhow::anyhow!("--store cannot be used"),
            })?;
        }
        Ok(self)
    }

    /// Which instrument is meant: a bare symbol is one of the default exchange.
    pub(crate) fn instrument(&self, name: &InstrumentName) -> anyhow::Result<Instrument> {
        let exchange = self.config.default_exchange();
        Instrument::parse_with_default(name.as_str(), exchange).context("this names no instrument")
    }

    /// Opens the store, making a file that is missing: for commands that write.
    pub(crate) async fn open_to_write(&self) -> anyhow::Result<Onetape> {
        self.announce()?;
        Ok(Onetape::from_config(&self.config).await?)
    }

    /// Makes ready for a store that is opened with more than its settings.
    pub(crate) fn prepare_to_write(&self) -> anyhow::Result<()> {
        self.announce()?;
        Ok(self.config.make_default_folder()?)
    }

    /// Opens a store that is there: a question makes no file.
    pub(crate) async fn open_to_read(&self) -> anyhow::Result<Onetape> {
        self.address_of_existing()?;
        Ok(self.config.builder()?.open().await?)
    }

    /// The store's address for administration, which makes a file that is missing.
    pub(crate) fn address_to_write(&self) -> anyhow::Result<String> {
        self.announce()?;
        self.config.make_default_folder()?;
        Ok(self.config.store()?.with_password())
    }

    /// The same of a store that is there.
    pub(crate) fn address_of_existing(&self) -> anyhow::Result<String> {
        let store = self.config.store()?;
        if let StoreUrl::Sqlite(path) = &store
            && !path.exists()
            && (self.config.is_default_store() || path.parent().is_none_or(is_folder))
        {
            let error = anyhow::anyhow!("there is no file {}, so there is nothing in it", path.display());
            return Err(hinted(error, self.how_to_fill()));
        }
        self.announce()?;
        Ok(store.with_password())
    }

    fn how_to_fill(&self) -> &'static str {
        if self.config.is_default_store() {
            "`onetape demo` or `onetape replay FILES` fills the default store; --store or ONETAPE_STORE names another"
        } else {
            "`onetape replay FILES` makes and fills it; without --store and ONETAPE_STORE the default store is used"
        }
    }

    /// Says where the data is, where nobody else has said it.
    fn announce(&self) -> anyhow::Result<()> {
        if self.config.is_default_store() {
            note!("default store: {} (--store or ONETAPE_STORE names another)", self.config.store()?);
        }
        Ok(())
    }
}

/// A bare name has the empty folder, which is the working directory.
fn is_folder(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.is_dir()
}
