//! An inference frame as record batches, one a section.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::decimal::canonical;
use onetape_domain::frame::{CandleSection, InferenceDataFrame};
use onetape_domain::instrument::Instrument;
use onetape_domain::quality::Quality;
use onetape_domain::time::{Timeframe, Timestamp};

use crate::decimals::Decimals;
use crate::encoder::Encoder;
use crate::error::Unfit;
use crate::notes::{Notes, key};
use crate::table::Table;
use crate::tables::{BOOKS, BUCKETS, CANDLES, IMBALANCES, INDICATORS, IndicatorRow};

/// A section of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name, that of the frame's field: `ohlcv_1s` to `ohlcv_1d`, `orderbook_snapshot`, `orderbook_1s_agg`,
    /// `imbalances`, `indicators`, `context_data`.
    pub name: String,
    /// Its rows, in the columns of the table they are of; none where there are none. How complete they are is in the
    /// metadata of the schema, under the names in [`key`].
    pub batch: RecordBatch,
}

/// A frame as batches.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameBatches {
    /// The sections, in the order of the frame's fields.
    pub sections: Vec<Section>,
}

impl FrameBatches {
    /// All sections of a frame. Each row is read once, straight into its columns.
    ///
    /// # Errors
    /// For a value that its column cannot hold.
    pub fn of(frame: &InferenceDataFrame, decimals: Decimals) -> Result<Self, Box<Unfit>> {
        let of = Sections { instrument: &frame.symbol, as_of: frame.as_of, decimals };
        let mut sections = Vec::with_capacity(11);
        for timeframe in Timeframe::ALL {
            sections.push(of.candles(format!("ohlcv_{timeframe}"), frame.candles(timeframe))?);
        }
        let book = frame.orderbook_snapshot.as_slice();
        let quality = |name: &str| frame.quality.get(name).map(quality_notes).unwrap_or_default();
        sections.push(of.rows("orderbook_snapshot", &BOOKS, book, quality("orderbook_snapshot"))?);
        sections.push(of.rows("orderbook_1s_agg", &BUCKETS, &buckets(frame), quality("orderbook_1s_agg"))?);
        sections.push(of.rows("imbalances", &IMBALANCES, &frame.imbalances, quality("imbalances"))?);
        let version = BTreeMap::from([(key::FEATURE_VERSION.to_owned(), frame.feature_version.to_string())]);
        sections.push(of.rows("indicators", &INDICATORS, &indicators(frame), version)?);
        sections.push(of.candles("context_data".to_owned(), &frame.context_data)?);
        Ok(Self { sections })
    }

    /// The rows of a section.
    pub fn get(&self, name: &str) -> Option<&RecordBatch> {
        self.sections.iter().find(|section| section.name == name).map(|section| &section.batch)
    }
}

fn buckets(frame: &InferenceDataFrame) -> Vec<SampledBucket> {
    let Some(book) = &frame.orderbook_snapshot else { return Vec::new() };
    let (second, available_at) = (book.second(), book.available_at());
    frame
        .orderbook_1s_agg
        .iter()
        .map(|bucket| SampledBucket { second, available_at, bucket: *bucket })
        .collect()
}

fn indicators(frame: &InferenceDataFrame) -> Vec<IndicatorRow> {
    let as_of = frame.as_of;
    frame
        .indicators
        .iter()
        .map(|(timeframe, set)| IndicatorRow { as_of, timeframe: *timeframe, set: *set })
        .collect()
}

/// What all sections of a frame have in common.
struct Sections<'a> {
    instrument: &'a Instrument,
    as_of: Timestamp,
    decimals: Decimals,
}

impl Sections<'_> {
    fn candles(&self, name: String, section: &CandleSection) -> Result<Section, Box<Unfit>> {
        let mut notes = quality_notes(&section.quality);
        if !section.sources.is_empty() {
            notes.insert(key::SOURCES.to_owned(), json(&section.sources));
        }
        self.rows(&name, &CANDLES, &section.rows, notes)
    }

    fn rows<R>(
        &self,
        name: &str,
        table: &'static Table<R>,
        rows: &[R],
        mut more: BTreeMap<String, String>,
    ) -> Result<Section, Box<Unfit>> {
        more.insert(key::SECTION.to_owned(), name.to_owned());
        let notes = Notes { as_of: BTreeMap::from([(self.instrument.clone(), self.as_of)]), more };
        let encoder = Encoder::new(table, self.decimals, std::slice::from_ref(self.instrument), &notes);
        Ok(Section { name: name.to_owned(), batch: encoder.encode(self.instrument, 0, rows)? })
    }
}

fn quality_notes(quality: &Quality) -> BTreeMap<String, String> {
    [
        (key::COVERAGE, canonical(quality.coverage)),
        (key::TIER, quality.tier.as_str().to_owned()),
        (key::GAPS, json(&quality.gaps)),
        (key::REVISION, quality.revision.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Models always have a JSON form.
fn json<T: serde::Serialize>(value: &T) -> String {
    onetape_domain::canonical::to_string(value).unwrap_or_default()
}
