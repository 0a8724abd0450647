//! Repair: trades that a feed lost are fetched from the venue's history and go the way of every message.

mod page;
mod report;

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use onetape_domain::engine::gaps::OpenGap;
use onetape_domain::engine::{Outcome, Step};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{ConnectionId, FeedMessage, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{TradeEvent, TradeKind};
use onetape_ports::{HistoryError, HistoryErrorKind, HistorySource, TradeHistory, TradePage, with_causes};

use crate::error::IngestError;
use crate::pipeline::{DataIngestionPipeline, Inner, SharedSlot};
use page::{check, numeric, voids};
pub use report::{GapOutcome, RepairOptions, RepairReport, RepairedGap};

/// Connection id of everything that repair brings: it carries no stream and proves none alive.
pub const REPAIR: ConnectionId = u32::MAX - 1;

/// Most trades of one message, and so under one stamp.
const MAX_TRADES: usize = 1_000;

/// A repair under way: what it may still do.
struct Budget {
    /// Pages that may still be asked for of this instrument.
    pages: usize,
    patience: Duration,
    backoff: ExponentialBackoff,
    asked: usize,
    /// Set where the venue's limits ended the repair.
    retry_after: Option<Duration>,
}

/// A gap that was looked at, and whether the next one is worth a look.
struct Looked {
    gap: RepairedGap,
    goes_on: bool,
}

/// Whose gaps are repaired, and from where.
struct Target<'a> {
    history: &'a dyn TradeHistory,
    source: HistorySource,
    instrument: &'a Instrument,
    slot: &'a SharedSlot,
}

impl DataIngestionPipeline {
    /// Repairs the open gaps of every instrument that this pipeline has loaded. What a running feed does of itself now
    /// and then, with [`RepairOptions::BACKGROUND`].
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest). That a history gives nothing is no error: the gap stays open, and the report says why.
    pub async fn repair(
        &self,
        history: &dyn TradeHistory,
        options: &RepairOptions,
    ) -> Result<RepairReport, IngestError> {
        let mut instruments: Vec<Instrument> = self.inner.instruments();
        instruments.sort();
        self.repair_instruments(&instruments, history, options).await
    }

    /// Repairs the open gaps of these instruments, loading them where needed. Trades of the history are stamped now and
    /// go through engine, journal, cache and store as any message does; late ones revise candles. A gap that the history
    /// cannot fill is declared unfillable in the coverage log. Nothing is invented.
    ///
    /// Only the process that writes these instruments may do this. The call may be dropped at any point and made again:
    /// it goes on from what has come.
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest). That a history gives nothing is no error: the gap stays open, and the report says why.
    pub async fn repair_instruments(
        &self,
        instruments: &[Instrument],
        history: &dyn TradeHistory,
        options: &RepairOptions,
    ) -> Result<RepairReport, IngestError> {
        let mut budget = Budget::new(options);
        let mut gaps = Vec::new();
        for instrument in instruments {
            let Some(source) = history.source(instrument) else { continue };
            let Some(slot) = self.inner.slot_to_repair(instrument, source).await? else { continue };
            let target = Target { history, source, instrument, slot: &slot };
            budget.pages = options.max_pages;
            for gap in due(&slot, options.min_age) {
                let looked = self.inner.repair_gap(&target, gap, &mut budget).await?;
                gaps.push(looked.gap);
                if !looked.goes_on {
                    break;
                }
            }
            if budget.retry_after.is_some() {
                break;
            }
        }
        Ok(RepairReport { gaps, pages: budget.asked, retry_after: budget.retry_after })
    }
}

/// Gaps that are old enough.
fn due(slot: &SharedSlot, min_age: Duration) -> Vec<OpenGap> {
    let slot = slot.lock();
    let min_age = i64::try_from(min_age.as_micros()).unwrap_or(i64::MAX);
    let latest = slot.engine.issued().map_or(Timestamp::EARLIEST, |issued| issued.plus(-min_age));
    slot.engine.open_gaps().into_iter().filter(|gap| gap.end <= latest).collect()
}

impl Inner {
    /// The instrument where it is loaded, else loads it; none where nothing is stored of it.
    async fn slot_to_repair(
        &self,
        instrument: &Instrument,
        source: HistorySource,
    ) -> Result<Option<SharedSlot>, IngestError> {
        if let Some(slot) = self.slot(instrument) {
            return Ok(Some(slot));
        }
        match self.ask(instrument, || self.store.flushed(instrument)).await? {
            Some(_) => self.load(instrument, source.rules, false).await.map(Some),
            None => Ok(None),
        }
    }

    async fn repair_gap(
        &self,
        target: &Target<'_>,
        gap: OpenGap,
        budget: &mut Budget,
    ) -> Result<Looked, IngestError> {
        let mut trades = 0;
        let (outcome, goes_on) = match self.fetch(target, &gap, budget, &mut trades).await? {
            Ok(outcome) => (outcome, true),
            Err(error) => {
                if let HistoryErrorKind::Limited { retry_after } = error.kind() {
                    budget.retry_after = Some(retry_after);
                }
                // Another gap's page may be sound; whoever is not answered now is not answered for the next one.
                let goes_on = error.kind() == HistoryErrorKind::Response;
                (GapOutcome::Open { reason: with_causes(&error) }, goes_on)
            }
        };
        let (instrument, first_id, last_id) = (target.instrument, gap.first_id, gap.last_id);
        match &outcome {
            GapOutcome::Filled => {
                tracing::info!(gap.instrument = %instrument, first_id, last_id, trades, "gap filled");
            }
            GapOutcome::Unfillable { reason } => {
                tracing::warn!(gap.instrument = %instrument, first_id, last_id, trades, reason, "gap given up");
            }
            GapOutcome::Open { reason } => {
                tracing::debug!(gap.instrument = %instrument, first_id, last_id, trades, reason, "gap left open");
            }
        }
        let gap = RepairedGap { instrument: instrument.clone(), gap, trades, outcome };
        Ok(Looked { gap, goes_on })
    }

    /// Fetches what is missing from the lowest id on. The inner error is the history's: it ends this gap only.
    async fn fetch(
        &self,
        target: &Target<'_>,
        gap: &OpenGap,
        budget: &mut Budget,
        trades: &mut u64,
    ) -> Result<Result<GapOutcome, HistoryError>, IngestError> {
        let kind = target.slot.lock().engine.trade_kind();
        if let Some(kind) = kind.filter(|kind| *kind != target.source.kind) {
            let reason =
                format!("the stream is of {kind} trades, the history of {} ones", target.source.kind);
            return Ok(Ok(GapOutcome::Open { reason }));
        }
        let mut next = gap.first_id;
        let mut oldest = None;
        loop {
            let open = target.slot.lock().engine.open_gap(gap.first_id);
            let Some(open) = open else { return Ok(Ok(GapOutcome::Filled)) };
            let wanted = open.missing.iter().find(|(_, last)| *last >= next);
            let Some(from) = wanted.map(|(first, _)| next.max(*first)) else {
                return self.conclude(target, &open, oldest, budget).await;
            };
            let page = match target.page(from, gap.last_id, budget).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            if let Err(error) = check(&page, target.source, from, gap) {
                return Ok(Err(error));
            }
            let begins = page.oldest.filter(|oldest| *oldest > from);
            oldest = oldest.max(begins);
            let Some(last) = page.trades.last().and_then(numeric) else {
                // Nothing from here on: either not yet, or only what lies behind the gap is left.
                match begins.filter(|oldest| *oldest > gap.last_id) {
                    Some(_) => return self.conclude(target, &open, oldest, budget).await,
                    None => return Ok(Ok(nothing_yet(from))),
                }
            };
            *trades += self.take_page(target, &open, from.max(begins.unwrap_or(from)), page).await?;
            next = last.saturating_add(1);
        }
    }

    /// Takes in what a page has of a gap; returns how many trades were new.
    async fn take_page(
        &self,
        target: &Target<'_>,
        gap: &OpenGap,
        from: i64,
        page: TradePage,
    ) -> Result<u64, IngestError> {
        let is_missing = |id: i64| gap.missing.iter().any(|(first, last)| (*first..=*last).contains(&id));
        let last = page.trades.last().and_then(numeric).unwrap_or(from);
        let void = if target.source.omits_void_ids && target.source.kind == TradeKind::Single {
            voids(gap, from, last, &page.trades)
        } else {
            Vec::new()
        };
        let trades: Vec<TradeEvent> =
            page.trades.into_iter().filter(|event| numeric(event).is_some_and(is_missing)).collect();
        let mut taken = 0;
        for part in trades.chunks(MAX_TRADES) {
            let step = self.repair_with(target, Payload::Trades(part.to_vec())).await?;
            if matches!(step.outcome, Outcome::Stamped(_)) {
                taken += part.len().saturating_sub(step.refused.len()) as u64;
            }
        }
        for (id, event_time) in void {
            self.repair_with(target, Payload::VoidTrade { id, event_time }).await?;
        }
        Ok(taken)
    }

    /// What to say of a gap that the history has been gone through for: what is missing still, it does not have.
    async fn conclude(
        &self,
        target: &Target<'_>,
        open: &OpenGap,
        oldest: Option<i64>,
        budget: &mut Budget,
    ) -> Result<Result<GapOutcome, HistoryError>, IngestError> {
        let Some((first, last)) = open.missing.first().copied() else { return Ok(Ok(GapOutcome::Filled)) };
        let reason = match oldest.filter(|oldest| first < *oldest) {
            Some(oldest) => format!("the venue's history begins with trade {oldest}"),
            // A second look: it was asked for once among others.
            None => {
                let page = target.page(first, last, budget).await;
                let page = page.and_then(|page| check(&page, target.source, first, open).map(|()| page));
                match page.map(|page| page.trades.first().and_then(numeric)) {
                    Err(error) => return Ok(Err(error)),
                    Ok(Some(given)) if given > first => {
                        let until = last.min(given - 1);
                        format!("the venue's history has no trades {first}..={until}")
                    }
                    Ok(Some(_)) => {
                        let reason =
                            format!("trade {first} was refused: it is in quarantine with its reason");
                        return Ok(Ok(GapOutcome::Open { reason }));
                    }
                    Ok(None) => return Ok(Ok(nothing_yet(first))),
                }
            }
        };
        let payload = Payload::Unfillable { first_id: first, last_id: last, reason: reason.as_str().into() };
        self.repair_with(target, payload).await?;
        Ok(Ok(GapOutcome::Unfillable { reason }))
    }

    /// One message of the repair: no venue has sent it, so it has no time but that of its receipt.
    async fn repair_with(&self, target: &Target<'_>, payload: Payload) -> Result<Step, IngestError> {
        self.hold_back().await?;
        let message = FeedMessage {
            instrument: target.instrument.clone(),
            connection: REPAIR,
            sent_at: None,
            received_at: self.clock.now(),
            payload,
        };
        let origin = target.history.to_string();
        let step = self.ingest_into(target.slot, &message, &origin, self.sinks()).await?;
        self.settle(target.slot).await?;
        Ok(step)
    }
}

impl Target<'_> {
    /// A page from an id on, waiting where that is within the budget.
    async fn page(
        &self,
        first_id: i64,
        last_id: i64,
        budget: &mut Budget,
    ) -> Result<TradePage, HistoryError> {
        let ids = usize::try_from(last_id.abs_diff(first_id)).unwrap_or(usize::MAX).saturating_add(1);
        loop {
            let Some(left) = budget.pages.checked_sub(1) else {
                let message = "as many pages were asked for as one repair may, the next one goes on";
                return Err(HistoryError::new(HistoryErrorKind::Refused, message));
            };
            budget.pages = left;
            budget.asked += 1;
            let limit = ids.min(self.source.max_page.max(1));
            match self.history.trades_from(self.instrument, first_id, limit).await {
                Ok(page) => return Ok(page),
                Err(error) if error.is_retryable() => {
                    let Some(pause) = budget.pause_after(&error) else { return Err(error) };
                    tracing::debug!(error = %error, pause_ms = pause.as_millis(), "asking for past trades again");
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Budget {
    fn new(options: &RepairOptions) -> Self {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(10))
            .without_max_times()
            .with_jitter();
        Self { pages: 0, patience: options.patience, backoff: backoff.build(), asked: 0, retry_after: None }
    }

    /// How long to wait before the same is asked again; none where the time is up.
    fn pause_after(&mut self, error: &HistoryError) -> Option<Duration> {
        let pause = match error.kind() {
            HistoryErrorKind::Limited { retry_after } => retry_after,
            _ => self.backoff.next()?,
        };
        self.patience = self.patience.checked_sub(pause)?;
        Some(pause)
    }
}

fn nothing_yet(id: i64) -> GapOutcome {
    GapOutcome::Open { reason: format!("the history has nothing from trade {id} on yet") }
}
