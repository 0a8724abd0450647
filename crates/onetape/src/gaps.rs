//! The gaps of what is stored: where, why, and what is missing; and their repair.

use std::time::Duration;

use futures::TryStreamExt;
use onetape_domain::coverage::{CoverageState, HoleState, Stream, holes};
use onetape_domain::engine::gaps::missing_runs;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timestamp};
use onetape_domain::trade::TradeKind;
use onetape_ingestion::{IngestError, RepairOptions, RepairReport};
use onetape_ports::{MarketStore, Selection, StoreError, TimeQuery, TradeHistory};
use serde::Serialize;

use crate::open::Onetape;

/// The gaps of an instrument as of an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapsOfInstrument {
    /// Whose.
    pub instrument: Instrument,
    /// The instant: the one asked for, or the last stamp.
    pub as_of: Timestamp,
    /// Up to where completeness is measured: the watermark's second. What is missing after it is not known yet.
    pub measured_to: Option<Timestamp>,
    /// Which kind of trades its stream is of, once there was one: a history must be of the same.
    pub trades: Option<TradeKind>,
    /// Earliest first, trades before books.
    pub gaps: Vec<KnownGap>,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownGap {
    /// Of which stream.
    pub stream: Stream,
    /// First instant that is not proven.
    pub begin: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// Its length in microseconds.
    pub length_us: i64,
    /// What is to be expected of it.
    pub state: HoleState,
    /// Why, for people.
    pub reason: String,
    /// The stamp under which it became known; none where it is only that nothing proves the stream.
    pub known_from: Option<Timestamp>,
    /// How many ids of trades are missing.
    pub missing_ids: u64,
    /// Which: first and last of each run.
    pub missing: Vec<(i64, i64)>,
}

impl Onetape {
    /// The gaps that the store knows of, as of an instant or of now: of the instruments asked for that are there, or of all.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn gaps(
        &self,
        only: &[Instrument],
        at: Option<Timestamp>,
    ) -> Result<Vec<GapsOfInstrument>, StoreError> {
        let store = self.store().as_ref();
        let mut instruments = store.instruments().await?;
        if !only.is_empty() {
            instruments.retain(|instrument| only.contains(instrument));
        }
        let mut all = Vec::with_capacity(instruments.len());
        for instrument in instruments {
            // One that is gone meanwhile has none.
            all.extend(gaps_of(store, instrument, at).await?);
        }
        Ok(all)
    }

    /// Repairs the open gaps of trades of these instruments and makes that durable; see
    /// [`DataIngestionPipeline::repair_instruments`](onetape_ingestion::DataIngestionPipeline::repair_instruments). Starts the
    /// write side. Only for the process that writes these instruments: [`written_elsewhere`](Self::written_elsewhere)
    /// looks whether that is another one.
    ///
    /// # Errors
    /// When the store fails, and with `Conflict` where another process writes an instrument.
    pub async fn repair_gaps(
        &self,
        instruments: &[Instrument],
        history: &dyn TradeHistory,
        options: &RepairOptions,
    ) -> Result<RepairReport, IngestError> {
        let pipeline = self.ingestion();
        let report = pipeline.repair_instruments(instruments, history, options).await?;
        pipeline.flush().await?;
        Ok(report)
    }

    /// How long ago an instant was, by this machine's clock, in microseconds.
    pub fn age_of(&self, instant: Timestamp) -> i64 {
        self.clock().now().since(instant)
    }

    /// The first of these instruments whose clock in the store moves while this looks, for so long: somebody else writes it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn written_elsewhere(
        &self,
        instruments: &[Instrument],
        look: Duration,
    ) -> Result<Option<Instrument>, StoreError> {
        let mut before = Vec::with_capacity(instruments.len());
        for instrument in instruments {
            before.push(self.store().flushed(instrument).await?);
        }
        tokio::time::sleep(look).await;
        for (instrument, before) in instruments.iter().zip(before) {
            if self.store().flushed(instrument).await? != before {
                return Ok(Some(instrument.clone()));
            }
        }
        Ok(None)
    }
}

async fn gaps_of(
    store: &dyn MarketStore,
    instrument: Instrument,
    at: Option<Timestamp>,
) -> Result<Option<GapsOfInstrument>, StoreError> {
    let Some(clock) = store.clock(&instrument).await? else { return Ok(None) };
    let as_of = at.map_or(clock.issued, |at| at.min(clock.issued));
    let proof = store.coverage_proof(&instrument, Timestamp::EARLIEST, as_of).await?;
    let alive = proof.iter().filter(|row| row.state == CoverageState::Alive);
    let measured_to = alive.map(|row| row.end.floor_second()).max();
    // The engine knows ids that stand for no trade; of an earlier instant only the trades can tell.
    let open = (as_of == clock.issued).then(|| clock.state.open_gaps());
    let mut gaps = Vec::new();
    for stream in Stream::ALL {
        for hole in measured_to.map(|end| holes(&proof, stream, end)).unwrap_or_default() {
            let missing = match (hole.ids, &open) {
                (None, _) => Vec::new(),
                (Some((first, last)), Some(open)) if hole.state == HoleState::Open => open
                    .iter()
                    .find(|gap| (gap.first_id, gap.last_id) == (first, last))
                    .map(|gap| gap.missing.clone())
                    .unwrap_or_default(),
                (Some(ids), _) => {
                    let range = TimeRange::try_new(hole.begin, hole.end).unwrap_or(TimeRange::ALL);
                    missing(store, &instrument, ids, range, as_of).await?
                }
            };
            gaps.push(KnownGap {
                stream,
                begin: hole.begin,
                end: hole.end,
                length_us: hole.end.since(hole.begin),
                state: hole.state,
                reason: hole.reason,
                known_from: hole.known_from,
                missing_ids: missing.iter().map(|(first, last)| last.abs_diff(*first) + 1).sum(),
                missing,
            });
        }
    }
    let trades = clock.state.trade_kind();
    Ok(Some(GapsOfInstrument { instrument, as_of, measured_to, trades, gaps }))
}

/// Ids between these two that no trade known at the instant has, as runs.
async fn missing(
    store: &dyn MarketStore,
    instrument: &Instrument,
    (first, last): (i64, i64),
    range: TimeRange,
    as_of: Timestamp,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let selection = Selection::Range(range);
    let mut trades = store.stream_trades(TimeQuery { instrument: instrument.clone(), selection, as_of });
    let mut known = Vec::new();
    while let Some(trade) = trades.try_next().await? {
        known.extend(Some(trade.key.sequence).filter(|id| (first..=last).contains(id)));
    }
    known.sort_unstable();
    Ok(missing_runs((first, last), known.into_iter().map(|id| (id, id))))
}
