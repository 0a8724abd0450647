//! Rows that the store refuses: found by halving their batch, put into quarantine with the store's reason, and left out.
//!
//! See `docs/adr/0022-rows-that-a-store-refuses.md`.

use std::error::Error as _;
use std::sync::Arc;

use onetape_domain::canonical;
use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::coverage::{CoverageState, LostRange, Stream};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};

use crate::error::IngestError;
use crate::pipeline::{Inner, SharedSlot};
use crate::slot::Batch;

/// Rows of a batch that are left out at most: more of them mean that it is not the rows.
pub(crate) const MAX_REFUSED: usize = 100;

/// A row of [`Changes`] by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Trade(usize),
    Candle(usize),
    Book(usize),
    Imbalances(usize),
    Coverage(usize),
}

/// All rows that can be left out. Imports cannot: the store itself named them.
fn rows_of(changes: &Changes) -> Vec<Row> {
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = changes;
    let rows = (0..trades.len()).map(Row::Trade);
    let rows = rows.chain((0..candles.len()).map(Row::Candle));
    let rows = rows.chain((0..books.len()).map(Row::Book));
    let rows = rows.chain((0..imbalances.len()).map(Row::Imbalances));
    rows.chain((0..coverage.len()).map(Row::Coverage)).collect()
}

/// The rows at these places, and the imports.
fn part_of(changes: &Changes, rows: &[Row]) -> Changes {
    let mut part = Changes { imports: changes.imports.clone(), ..Changes::default() };
    for row in rows {
        match *row {
            Row::Trade(at) => part.trades.push(changes.trades[at].clone()),
            Row::Candle(at) => part.candles.push(changes.candles[at]),
            Row::Book(at) => part.books.push(changes.books[at].clone()),
            Row::Imbalances(at) => part.imbalances.push(changes.imbalances[at]),
            Row::Coverage(at) => part.coverage.push(changes.coverage[at].clone()),
        }
    }
    part
}

impl Row {
    /// The table, the row's key for people, and the row as JSON.
    fn describe(self, changes: &Changes) -> (&'static str, String, String) {
        match self {
            Self::Trade(at) => {
                let row = &changes.trades[at];
                let key = format!("trade {} of {}", row.trade_id, row.key.event_time);
                ("trade_events", key, canonical::to_string(row).unwrap_or_default())
            }
            Self::Candle(at) => {
                let row = &changes.candles[at].candle;
                let key =
                    format!("{} candle of {}, revision {}", row.timeframe(), row.open_time(), row.revision());
                ("ohlcv", key, canonical::to_string(row).unwrap_or_default())
            }
            Self::Book(at) => {
                let row = &changes.books[at];
                (
                    "order_book_snapshots",
                    format!("book of {}", row.second()),
                    canonical::to_string(row).unwrap_or_default(),
                )
            }
            Self::Imbalances(at) => {
                let row = &changes.imbalances[at];
                let key = format!("imbalances of {}", row.second);
                ("order_book_imbalances", key, canonical::to_string(row).unwrap_or_default())
            }
            Self::Coverage(at) => {
                let row = &changes.coverage[at];
                let key = format!("{} of {} from {} on", row.state.as_str(), row.stream, row.begin);
                ("stream_coverage", key, canonical::to_string(row).unwrap_or_default())
            }
        }
    }

    /// The range that is not whole without the row; none where readers only know less without it.
    fn hole(self, changes: &Changes) -> Option<(Stream, Timestamp, Timestamp)> {
        let second = |second: Timestamp| (Stream::Book, second, second.plus(SECOND));
        match self {
            Self::Trade(at) => {
                let time = changes.trades[at].key.event_time;
                Some((Stream::Trades, time, time.plus(1)))
            }
            Self::Candle(at) => {
                let candle = &changes.candles[at].candle;
                Some((Stream::Trades, candle.open_time(), candle.close_time()))
            }
            Self::Book(at) => Some(second(changes.books[at].second())),
            Self::Imbalances(at) => Some(second(changes.imbalances[at].second)),
            Self::Coverage(_) => None,
        }
    }

    /// A row that says that something is missing: without it a hole would look like data.
    fn is_admission(self, changes: &Changes) -> bool {
        let Self::Coverage(at) = self else { return false };
        matches!(changes.coverage[at].state, CoverageState::Gap | CoverageState::Unfillable)
    }

    fn record(self, changes: &Changes, instrument: &Instrument, error: &StoreError) -> QuarantinedRecord {
        let (table, key, payload) = self.describe(changes);
        let mut reason = format!("the store refuses it: {error}");
        if let Some(cause) = error.source() {
            reason = format!("{reason}: {cause}");
        }
        let violations = Violations::one(table, key, reason);
        let mut record =
            QuarantinedRecord::new(format!("tape of {instrument}"), violations, payload.as_bytes());
        record.instrument = Some(instrument.clone());
        record.received_at = match self {
            Self::Trade(at) => Some(changes.trades[at].received_at),
            _ => None,
        };
        record
    }
}

impl Inner {
    /// Takes out of a batch what the store refuses as data: into quarantine first, then a note of what is lost into the
    /// batch itself. Gives the batch to write instead; the error where that would not do.
    pub(crate) async fn leave_out(
        &self,
        slot: &SharedSlot,
        batch: &Batch,
        error: Arc<StoreError>,
    ) -> Result<Option<Batch>, IngestError> {
        let (TapeBatch { instrument, changes, .. }, _) = &**batch;
        let refused = self.refused(batch, &error).await?;
        let admission = refused.iter().find(|(row, _)| row.is_admission(changes));
        if let Some((_, error)) = admission {
            return Err(crate::writer::store_error(instrument, error.clone()));
        }
        let records: Vec<_> =
            refused.iter().map(|(row, error)| row.record(changes, instrument, error)).collect();
        for record in &records {
            tracing::error!(
                instrument.symbol = %instrument,
                reason = %record.violations,
                "a row is left out that the store refuses; it is in quarantine"
            );
        }
        // Before the batch: a row that is neither here nor there would be lost without a trace.
        self.write_records(&records).await?;
        self.summary.lock().refused_rows += records.len() as u64;
        let mut lost: Vec<LostRange> = Vec::new();
        for (row, _) in &refused {
            if let Some((stream, begin, end)) = row.hole(changes) {
                let reason = "the store refused a row of it, which is in quarantine".to_owned();
                let range = LostRange { stream, begin, end, reason };
                if !lost.contains(&range) {
                    lost.push(range);
                }
            }
        }
        let kept: Vec<Row> = rows_of(changes)
            .into_iter()
            .filter(|row| !refused.iter().any(|(refused, _)| refused == row))
            .collect();
        let rest = part_of(changes, &kept);
        let mut slot = slot.lock();
        let left_out = slot.leave_out(rest, lost, self.sinks(), |rows| self.summary.lock().count_rows(rows));
        left_out.map_err(|error| self.journal_failed(error))?;
        Ok(slot.take(false))
    }

    /// The rows of a batch that the store refuses each on its own, in their order.
    async fn refused(
        &self,
        batch: &Batch,
        of_all: &Arc<StoreError>,
    ) -> Result<Vec<(Row, Arc<StoreError>)>, IngestError> {
        let changes = &batch.0.changes;
        // The clock alone.
        if let Some(error) = self.rehearse(batch, &[]).await? {
            return Err(crate::writer::store_error(&batch.0.instrument, error));
        }
        let mut refused = Vec::new();
        let mut open = vec![rows_of(changes)];
        while let Some(mut rows) = open.pop() {
            if rows.is_empty() {
                continue;
            }
            let Some(error) = self.rehearse(batch, &rows).await? else { continue };
            if let [row] = rows[..] {
                refused.push((row, error));
                if refused.len() > MAX_REFUSED {
                    break;
                }
                continue;
            }
            let second = rows.split_off(rows.len() / 2);
            open.push(second);
            open.push(rows);
        }
        if refused.is_empty() || refused.len() > MAX_REFUSED {
            return Err(crate::writer::store_error(&batch.0.instrument, of_all.clone()));
        }
        Ok(refused)
    }

    /// Why the store would refuse these rows of a batch as data; none where it would take them.
    async fn rehearse(&self, batch: &Batch, rows: &[Row]) -> Result<Option<Arc<StoreError>>, IngestError> {
        let (whole, expected) = &**batch;
        let part = TapeBatch {
            instrument: whole.instrument.clone(),
            changes: part_of(&whole.changes, rows),
            clock: whole.clock.clone(),
        };
        let rehearsed = self.breaker.call(&whole.instrument, || self.store.rehearse(&part, *expected)).await;
        match rehearsed {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == StoreErrorKind::Data => Ok(Some(error)),
            Err(error) => Err(crate::writer::store_error(&whole.instrument, error)),
        }
    }
}
