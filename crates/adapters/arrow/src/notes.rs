//! What the metadata of a schema says about its rows.

use std::collections::{BTreeMap, HashMap};

use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

use crate::decimals::Decimals;

/// Names of the metadata.
pub mod key {
    /// Version of onetape that made the batch.
    pub const VERSION: &str = "onetape.version";
    /// Name of the table.
    pub const TABLE: &str = "onetape.table";
    /// What decimals are: `exact`, `float` or `text`, and a word on each.
    pub const DECIMALS: &str = "onetape.decimals";
    /// What the times mean.
    pub const TIMES: &str = "onetape.times";
    /// Instruments with the instant as of which they were read, in microseconds, as a JSON object.
    pub const AS_OF: &str = "onetape.as_of";
    /// Of a section of a frame: its name.
    pub const SECTION: &str = "onetape.section";
    /// Of a section: the covered part in percent.
    pub const COVERAGE: &str = "onetape.coverage";
    /// Of a section: its grade, `excellent` to `no_data`, or `expired`.
    pub const TIER: &str = "onetape.tier";
    /// Of a section: what is not proven, as JSON ranges.
    pub const GAPS: &str = "onetape.gaps";
    /// Of a section: the highest revision among its rows.
    pub const REVISION: &str = "onetape.revision";
    /// Of a section of candles: which rows were imported and from where, as JSON.
    pub const SOURCES: &str = "onetape.sources";
    /// Of indicators: version of their calculation.
    pub const FEATURE_VERSION: &str = "onetape.feature_version";
}

const TIMES: &str = "microseconds since 1970, UTC; periods include their begin and exclude their end; a row was \
                     known from known_from or available_at on, and before known_to";

/// What is known about the rows before there are any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// As of which instant each instrument is read.
    pub as_of: BTreeMap<Instrument, Timestamp>,
    /// Anything else.
    pub more: BTreeMap<String, String>,
}

impl Notes {
    pub(crate) fn metadata(&self, table: &str, decimals: Decimals) -> HashMap<String, String> {
        let mut metadata: HashMap<String, String> = [
            (key::VERSION, env!("CARGO_PKG_VERSION")),
            (key::TABLE, table),
            (key::DECIMALS, decimals.note()),
            (key::TIMES, TIMES),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        if !self.as_of.is_empty() {
            let instants: BTreeMap<String, Timestamp> =
                self.as_of.iter().map(|(instrument, as_of)| (instrument.to_string(), *as_of)).collect();
            // Texts and numbers always have a JSON form.
            metadata.insert(key::AS_OF.to_owned(), serde_json::to_string(&instants).unwrap_or_default());
        }
        metadata.extend(self.more.iter().map(|(key, value)| (key.clone(), value.clone())));
        metadata
    }
}
