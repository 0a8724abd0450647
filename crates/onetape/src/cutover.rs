//! The way of an old system's readers from its files to the store, phase by phase, with checks between them.
//!
//! [`Onetape::cutover`] keeps the log; [`pack`](fn@pack), [`restore`] and [`remove`] put the files into an archive and back. These
//! three block the thread that calls them.

use std::path::{Path, PathBuf};

use futures::TryStreamExt as _;
use onetape_domain::cutover::OldFiles;
pub use onetape_domain::cutover::{
    ArchiveMade, Cutover, CutoverEvent, CutoverRecord, Entered, Evidence, Missing, Phase, Refused,
    Requirements, Shadows,
};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
pub use onetape_migration::{CutoverError, CutoverManager};
pub use onetape_parquet_legacy::pack::{PackError, Packed, SUMS, Step, Watch, pack, remove, restore};
use onetape_parquet_legacy::writer;
use onetape_ports::{CandleQuery, Knowledge, LegacyError, LegacyErrorKind, Selection};

use crate::legacy::{ShadowError, legacy_name};
use crate::open::Onetape;

impl Onetape {
    /// The cut-over of this store; what is recorded is recorded as done `by` somebody.
    pub fn cutover(&self, by: impl Into<String>) -> CutoverManager {
        let store = self.store();
        CutoverManager::new(store.clone(), store.clone(), self.shared_clock(), by)
    }

    /// How far the old files of a folder are behind the store: those that [`dual_writer`](Self::dual_writer) writes.
    ///
    /// # Errors
    /// The first file that cannot be read, and reads of the store that fail.
    pub async fn old_files(&self, folder: &Path, timeframes: &[Timeframe]) -> Result<OldFiles, ShadowError> {
        let store = |error| ShadowError::Store(Box::new(error));
        let mut found = OldFiles::default();
        for instrument in self.store().instruments().await.map_err(store)? {
            let Some(flushed) = self.store().flushed(&instrument).await.map_err(store)? else { continue };
            for timeframe in timeframes {
                let name = legacy_name(&instrument, *timeframe, self.provider().default_exchange());
                let last = last_in(folder.to_owned(), name.clone()).await?;
                let lacking = self.first_after(&instrument, *timeframe, last.flatten(), flushed).await?;
                let file = format!("{name}.parquet");
                match (last, lacking) {
                    (None, Some(_)) => found.missing.push(file),
                    (None, None) => {}
                    (Some(last), lacking) => {
                        found.files += 1;
                        found.newest = found.newest.max(last);
                        let micros = lacking.map(|open| flushed.since(open.plus(timeframe.micros())));
                        let micros = micros.map(|micros| micros.max(0).unsigned_abs());
                        if let Some(micros) = micros
                            && found.behind.as_ref().is_none_or(|(_, most)| micros > *most)
                        {
                            found.behind = Some((file, micros));
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// When the first candle after an instant opens that was made here of trades.
    async fn first_after(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        last: Option<Timestamp>,
        as_of: Timestamp,
    ) -> Result<Option<Timestamp>, ShadowError> {
        let from = last.map_or(Timestamp::EARLIEST, |last| last.plus(1));
        let Ok(range) = TimeRange::try_new(from, Timestamp::LATEST) else { return Ok(None) };
        let query = CandleQuery {
            instrument: instrument.clone(),
            timeframe,
            selection: Selection::Range(range),
            as_of,
            knowledge: Knowledge::AsRecorded,
        };
        let first = self.store().stream_candles(query).try_next().await;
        let first = first.map_err(|error| ShadowError::Store(Box::new(error)))?;
        Ok(first.map(|candle| candle.open_time()))
    }
}

/// The greatest open time in a file, if it has any; none where there is no file.
async fn last_in(folder: PathBuf, name: String) -> Result<Option<Option<Timestamp>>, ShadowError> {
    let place = folder.display().to_string();
    let read = tokio::task::spawn_blocking(move || writer::greatest(&folder, &name)).await;
    let lost = |_| LegacyError::new(LegacyErrorKind::Io, place, "reading it ended abnormally");
    Ok(read.map_err(lost).and_then(|read| read)?)
}

/// A folder as the log of a cut-over names it: absolute, and without links where it is there.
pub fn place_of(folder: &Path) -> String {
    let there = |path: &Path| std::fs::canonicalize(path).ok();
    let beside = || Some(there(folder.parent()?)?.join(folder.file_name()?));
    let absolute = || std::path::absolute(folder).ok();
    let place = there(folder).or_else(beside).or_else(absolute);
    place.unwrap_or_else(|| folder.to_owned()).display().to_string()
}
