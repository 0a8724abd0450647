//! What a source has more than a finished target: added in one batch, so that readers see all of it or none.

use std::collections::BTreeMap;

use futures::TryStreamExt as _;
use onetape_domain::candle::Candle;
use onetape_domain::change::{CandleChange, Changes, TapeBatch};
use onetape_domain::imported::{Import, NewImport, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_ports::{
    BookQuery, CandleQuery, Knowledge, RowStream, Selection, StoreError, SupersededQuery, TimeQuery,
};

use crate::error::CopyError;
use crate::head::Head;
use crate::instrument::{Sides, compare, differences, shown};
use crate::pass::imported;
use crate::progress::{Meter, Step};
use crate::report::{CopiedInstrument, Outcome};

/// Most rows of one batch; it is held in memory as a whole.
const MOST: usize = 200_000;
/// What a book counts for, which has up to a hundred levels.
const BOOK: usize = 20;
/// Candles of an import added at once.
const PAGE: usize = 5_000;

pub(crate) async fn update(
    sides: Sides<'_>,
    instrument: &Instrument,
    head: &Head,
    there: &Head,
    meter: &mut Meter<'_>,
) -> Result<CopiedInstrument, CopyError> {
    let (Some(before), Some(clock)) = (there.issued(), head.clock.clone()) else {
        return Err(CopyError::Changed { instrument: instrument.clone() });
    };
    refuse_other_past(sides, instrument, head, there, before, meter).await?;
    let delta = Delta { sides, instrument, before, as_of: clock.issued };
    let collected = delta.changes().await.map_err(|error| sides.source_failed(error))?;
    let Some(mut changes) = collected else {
        return Err(CopyError::TooFarBehind {
            instrument: instrument.clone(),
            source_clock: shown(head.issued()),
            target: shown(there.issued()),
            most: MOST,
        });
    };
    changes.imports = imports(sides, head, there).await?;
    let loaded = changes.len() as u64;
    let batch = TapeBatch { instrument: instrument.clone(), changes, clock };
    sides.target.append(&batch, Some(before)).await.map_err(|error| sides.target_failed(error))?;
    let there = Head::read(sides.target, instrument).await.map_err(|error| sides.target_failed(error))?;
    let manifest = compare(sides, instrument, head, &there, meter, (0.5, 1.0)).await?;
    Ok(CopiedInstrument::of((instrument, Outcome::Updated), (&manifest, head), loaded, 0))
}

/// The target must be what the source was at the target's clock.
async fn refuse_other_past(
    sides: Sides<'_>,
    instrument: &Instrument,
    head: &Head,
    there: &Head,
    before: Timestamp,
    meter: &mut Meter<'_>,
) -> Result<(), CopyError> {
    let mut then = Head { clock: there.clock.clone(), ..head.clone() }.known_at(before);
    // Those that are new are not the target's past.
    then.imports.retain(|import| there.imports.iter().any(|other| other.id == import.id));
    let steps = [(Step::Comparing, 0.0, 0.25), (Step::Comparing, 0.25, 0.5)];
    let compared = differences(sides, instrument, &then, there, meter, steps).await?;
    compared.map(drop).map_err(|differences| CopyError::Differ { differences, resumable: false })
}

/// Brings imports that the target lacks, and says which of those that wait there were taken in since.
async fn imports(sides: Sides<'_>, head: &Head, there: &Head) -> Result<Vec<Import>, CopyError> {
    let mut taken_in = Vec::new();
    for import in &head.imports {
        let known = there.imports.iter().find(|other| other.id == import.id);
        if known.is_none() {
            bring(sides, import).await?;
        }
        let waits = known.is_none_or(|known| known.place == Place::Waiting);
        if waits && matches!(import.place, Place::At(_)) {
            taken_in.push(import.clone());
        }
    }
    Ok(taken_in)
}

async fn bring(sides: Sides<'_>, import: &Import) -> Result<(), CopyError> {
    let Import { id, instrument, source, timeframe, covered, .. } = import.clone();
    let new = NewImport { id, instrument, source, timeframe };
    let target_failed = |error| sides.target_failed(error);
    sides.target.begin_import(&new).await.map_err(target_failed)?;
    let rows = imported(sides.source, import, timeframe, covered);
    let mut pages = futures::StreamExt::boxed(rows.try_chunks(PAGE));
    while let Some(page) = pages.try_next().await.map_err(|error| sides.source_failed(error.1))? {
        sides.target.add_imported(&new.id, &page).await.map_err(target_failed)?;
    }
    sides.target.finish_import(&new.id, covered).await.map(drop).map_err(target_failed)
}

/// What became known after one instant and by another.
struct Delta<'a> {
    sides: Sides<'a>,
    instrument: &'a Instrument,
    before: Timestamp,
    as_of: Timestamp,
}

impl Delta<'_> {
    /// None where it is more than one batch may hold.
    async fn changes(&self) -> Result<Option<Changes>, StoreError> {
        let source = self.sides.source;
        let instrument = self.instrument.clone();
        let query = TimeQuery { instrument, selection: Selection::Range(TimeRange::ALL), as_of: self.as_of };
        let mut changes = Changes::default();
        let Some(candles) = self.candles().await? else { return Ok(None) };
        changes.candles = candles;
        let books = BookQuery {
            instrument: self.instrument.clone(),
            selection: query.selection,
            as_of: self.as_of,
            last_of_minute: false,
            superseded_partials: true,
        };
        // One after the other: none is begun once there is too much.
        let is_whole = self
            .add(
                &mut changes,
                source.stream_trades(query.clone()),
                |row| row.available_at,
                |to| &mut to.trades,
            )
            .await?
            && self
                .add(&mut changes, source.stream_books(books), |row| row.available_at(), |to| &mut to.books)
                .await?
            && self
                .add(
                    &mut changes,
                    source.stream_imbalances(query.clone()),
                    |row| row.available_at,
                    |to| &mut to.imbalances,
                )
                .await?
            && self
                .add(
                    &mut changes,
                    source.stream_coverage(query),
                    |row| row.available_at,
                    |to| &mut to.coverage,
                )
                .await?;
        Ok(is_whole.then_some(changes))
    }

    /// Adds the rows of a stream that became known since; false where there are more than one batch may hold.
    async fn add<T>(
        &self,
        changes: &mut Changes,
        mut rows: RowStream<'_, T>,
        known_from: impl Fn(&T) -> Timestamp,
        of: impl Fn(&mut Changes) -> &mut Vec<T>,
    ) -> Result<bool, StoreError> {
        while let Some(row) = rows.try_next().await? {
            if known_from(&row) > self.before {
                of(changes).push(row);
            }
            if is_full(changes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All new versions, in the order in which they became known.
    async fn candles(&self) -> Result<Option<Vec<CandleChange>>, StoreError> {
        let mut versions: BTreeMap<(Timestamp, Timeframe, Timestamp, u32), Candle> = BTreeMap::new();
        for timeframe in Timeframe::ALL {
            let query = CandleQuery {
                instrument: self.instrument.clone(),
                timeframe,
                selection: Selection::Range(TimeRange::ALL),
                as_of: self.as_of,
                knowledge: Knowledge::AsRecorded,
            };
            let replaced = SupersededQuery {
                instrument: self.instrument.clone(),
                timeframe,
                range: TimeRange::ALL,
                as_of: self.as_of,
            };
            let current = self.sides.source.stream_candles(query);
            let replaced = self.sides.source.stream_superseded(replaced).map_ok(|version| version.candle);
            let mut all = futures::StreamExt::chain(current, replaced);
            while let Some(candle) = all.try_next().await? {
                if let Some(known_from) = candle.known_from().filter(|from| *from > self.before) {
                    versions.insert((known_from, timeframe, candle.open_time(), candle.revision()), candle);
                }
                if versions.len() > MOST {
                    return Ok(None);
                }
            }
        }
        Ok(Some(versions.into_values().map(|candle| CandleChange { candle, replaces: None }).collect()))
    }
}

fn is_full(changes: &Changes) -> bool {
    changes.len() + changes.books.len() * (BOOK - 1) > MOST
}
