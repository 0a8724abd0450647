//! What the user says of single files and names.

use std::collections::BTreeMap;

use onetape_domain::instrument::{Instrument, Symbol};
use onetape_domain::time::Timeframe;
use serde::{Deserialize, Serialize};

use super::is_there;

/// Longest mapping file.
pub const MAX_MAPPING_BYTES: usize = 1 << 20;

/// Which tables hold what, where their names do not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What is known of single tables; the first that fits counts.
    #[serde(default, rename = "table")]
    tables: Vec<MappedTable>,
    /// What a word in names stands for, as in `XBTUSD = "BTC/USD"`.
    #[serde(default)]
    symbols: BTreeMap<String, Symbol>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedTable {
    /// The file, from the folder on, with `/`; or with `/` at its end a folder: all files below it.
    pub path: String,
    /// Names of the table inside the file, joined by `/`; every table of the file without it.
    pub name: Option<String>,
    /// Whose candles.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
}

impl Mapping {
    /// Reads a mapping file:
    ///
    /// ```
    /// let mapping = onetape_migration::Mapping::parse(r#"
    /// [[table]]
    /// path = "old/prices.pkl"
    /// name = "main/minutes"
    /// instrument = "kraken:BTC/USD"
    /// timeframe = "1m"
    ///
    /// [symbols]
    /// XBTUSD = "BTC/USD"
    /// "#)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What is said of a table.
    pub(super) fn table(&self, path: &str, names: &[String]) -> Option<(Instrument, Timeframe)> {
        let fits = |table: &&MappedTable| {
            is_there(path, &table.path) && table.name.as_ref().is_none_or(|name| *name == names.join("/"))
        };
        self.tables.iter().find(fits).map(|table| (table.instrument.clone(), table.timeframe))
    }

    /// What a word stands for.
    pub(super) fn symbol(&self, word: &str) -> Option<&Symbol> {
        self.symbols.get(word)
    }

    /// The same with one more table.
    #[must_use]
    pub fn with_table(mut self, table: MappedTable) -> Self {
        self.tables.push(table);
        self
    }
}
