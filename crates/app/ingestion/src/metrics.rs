//! Metrics of the write side. Counters are read off the pipeline's own about once a second, so that no message pays for
//! them; only batches and waits for the journal are recorded as they happen.

use std::collections::BTreeSet;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::CacheStatistics;
use onetape_ports::metric::{MetricInfo, MetricKind};

use crate::pipeline::Inner;
use crate::status::{BreakerState, Watermarks};
use crate::summary::IngestSummary;

/// Instruments with series of their own, at most; all others share those of `others`.
pub const MAX_LABELLED: usize = 100;

/// How often what the pipeline counts is made known.
const INTERVAL: Duration = Duration::from_secs(1);

const MESSAGES: &str = "onetape_messages_total";
const ROWS: &str = "onetape_rows_total";
const REVISIONS: &str = "onetape_candle_revisions_total";
const QUARANTINED: &str = "onetape_quarantined_total";
const REFUSED_ROWS: &str = "onetape_rows_refused_total";
const PASSED_OVER: &str = "onetape_trades_passed_over_total";
const GAPS: &str = "onetape_trade_gaps_total";
const BOOKS_LOST: &str = "onetape_books_lost_total";
const WRITE_DURATION: &str = "onetape_write_duration_seconds";
const WRITE_ROWS: &str = "onetape_write_rows";
const JOURNAL_WAIT: &str = "onetape_journal_wait_seconds";
const RETRIES: &str = "onetape_store_retries_total";
const OUTAGES: &str = "onetape_store_outages_total";
const BREAKER: &str = "onetape_store_breaker";
const PENDING_ROWS: &str = "onetape_pending_rows";
const PENDING_BYTES: &str = "onetape_pending_bytes";
const PENDING_QUARANTINE: &str = "onetape_pending_quarantine";
const JOURNAL_BYTES: &str = "onetape_journal_bytes";
const INSTRUMENTS: &str = "onetape_instruments";
const BOOKS_IN_SYNC: &str = "onetape_books_in_sync";
const LAG: &str = "onetape_lag_seconds";
const OPEN_GAPS: &str = "onetape_trade_gaps_open";
const GAP_SECONDS: &str = "onetape_trade_gap_seconds";
const MISSING: &str = "onetape_trades_missing";
const CACHE_READS: &str = "onetape_cache_reads_total";
const CACHE_EVICTIONS: &str = "onetape_cache_evictions_total";
const CACHE_ROWS: &str = "onetape_cache_rows";
const CACHE_BYTES: &str = "onetape_cache_bytes";

const DURATIONS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
const WAITS: &[f64] = &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];
const BATCHES: &[f64] = &[10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0];

const fn spreads(
    name: &'static str,
    unit: &'static str,
    buckets: &'static [f64],
    about: &'static str,
) -> MetricInfo {
    MetricInfo { name, kind: MetricKind::Histogram(buckets), unit, labels: &[], about }
}

/// What the write side records.
pub const METRICS: &[MetricInfo] = &[
    MetricInfo::counter(
        MESSAGES,
        "messages",
        &["outcome"],
        "messages taken in: `stamped` (they changed something), `redelivered` (known), `ignored` (tickers and the like), `refused`",
    ),
    MetricInfo::counter(
        ROWS,
        "rows",
        &["table"],
        "rows made: `trades`, `candles`, `books`, `imbalances`, `coverage`, `imports`",
    ),
    MetricInfo::counter(REVISIONS, "candles", &[], "candle versions that replaced another one"),
    MetricInfo::counter(QUARANTINED, "records", &[], "records put into quarantine"),
    MetricInfo::counter(
        REFUSED_ROWS,
        "rows",
        &[],
        "rows that the store refused: they are in quarantine and in no other table",
    ),
    MetricInfo::counter(
        PASSED_OVER,
        "trades",
        &[],
        "trades of the other kind of stream (single beside aggregate)",
    ),
    MetricInfo::counter(
        GAPS,
        "gaps",
        &["event"],
        "holes in the ids of trades: `opened`, `filled` (a gap may be filled in pieces), `unfillable`",
    ),
    MetricInfo::counter(BOOKS_LOST, "books", &[], "how often a book lost its synchrony"),
    spreads(
        WRITE_DURATION,
        "seconds",
        DURATIONS,
        "time until the store had a batch, tries that failed included",
    ),
    spreads(WRITE_ROWS, "rows", BATCHES, "rows of a batch"),
    spreads(JOURNAL_WAIT, "seconds", WAITS, "time until the journal had what was taken in on the disk"),
    MetricInfo::counter(RETRIES, "calls", &[], "calls of the store that failed and were made again"),
    MetricInfo::counter(
        OUTAGES,
        "outages",
        &[],
        "how often the store failed so that it was left alone for a while",
    ),
    MetricInfo::gauge(
        BREAKER,
        "state",
        &[],
        "whether the store is called: 0 yes, 1 once to see whether it is back, 2 not for a while",
    ),
    MetricInfo::gauge(PENDING_ROWS, "rows", &[], "rows that wait for the store"),
    MetricInfo::gauge(PENDING_BYTES, "bytes", &[], "memory they take, roughly"),
    MetricInfo::gauge(PENDING_QUARANTINE, "records", &[], "refused records that wait for the store"),
    MetricInfo::gauge(JOURNAL_BYTES, "bytes", &[], "size of the journal; absent without one"),
    MetricInfo::gauge(INSTRUMENTS, "instruments", &[], "instruments loaded"),
    MetricInfo::gauge(BOOKS_IN_SYNC, "books", &[], "order books in synchrony"),
    MetricInfo::gauge(
        LAG,
        "seconds",
        &["instrument", "stage"],
        "how far the last stamp lies behind this machine's clock: `received` (issued), `journaled` (on the disk), `durable` (in the store)",
    ),
    MetricInfo::gauge(OPEN_GAPS, "gaps", &["instrument"], "holes in the ids of trades that are open"),
    MetricInfo::gauge(GAP_SECONDS, "seconds", &["instrument"], "time that they leave unproven"),
    MetricInfo::gauge(MISSING, "trades", &["instrument"], "trades missing in them"),
    MetricInfo::counter(
        CACHE_READS,
        "reads",
        &["outcome"],
        "reads of the cache: `hit`, `miss` (it could not prove the answer)",
    ),
    MetricInfo::counter(CACHE_EVICTIONS, "rows", &[], "rows that the cache let go"),
    MetricInfo::gauge(CACHE_ROWS, "rows", &[], "rows in the cache"),
    MetricInfo::gauge(CACHE_BYTES, "bytes", &[], "their size, estimated"),
];

/// What was made known last.
#[derive(Debug, Default)]
pub(crate) struct Published {
    summary: IngestSummary,
    cache: CacheStatistics,
    retries: u64,
    outages: u64,
    labelled: BTreeSet<Instrument>,
}

/// An instrument, or all those without a name of their own.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    watermarks: Watermarks,
    gaps: usize,
    gap_micros: i64,
    missing: u64,
}

impl State {
    /// The worse of both.
    fn with(self, other: Self) -> Self {
        let earlier =
            |a: Option<Timestamp>, b: Option<Timestamp>| a.zip(b).map_or(a.or(b), |(a, b)| Some(a.min(b)));
        Self {
            watermarks: Watermarks {
                received: earlier(self.watermarks.received, other.watermarks.received),
                journaled: earlier(self.watermarks.journaled, other.watermarks.journaled),
                durable: earlier(self.watermarks.durable, other.watermarks.durable),
                pending_rows: self.watermarks.pending_rows + other.watermarks.pending_rows,
            },
            gaps: self.gaps + other.gaps,
            gap_micros: self.gap_micros + other.gap_micros,
            missing: self.missing + other.missing,
        }
    }

    fn publish(&self, name: String, now: Timestamp) {
        let Watermarks { received, journaled, durable, .. } = self.watermarks;
        for (stage, stamp) in [("received", received), ("journaled", journaled), ("durable", durable)] {
            if let Some(stamp) = stamp {
                gauge!(LAG, "instrument" => name.clone(), "stage" => stage).set(seconds(now.since(stamp)));
            }
        }
        gauge!(OPEN_GAPS, "instrument" => name.clone()).set(self.gaps as f64);
        gauge!(GAP_SECONDS, "instrument" => name.clone()).set(seconds(self.gap_micros));
        gauge!(MISSING, "instrument" => name).set(self.missing as f64);
    }
}

/// Makes known what changes, until the pipeline is closed or gone. A task of its own: it goes on while the store does not
/// answer.
pub(crate) async fn publish_until_closed(pipeline: Weak<Inner>) {
    loop {
        match pipeline.upgrade() {
            Some(inner) if !inner.closing.load(Ordering::Acquire) => inner.publish_metrics(),
            _ => return,
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

impl Inner {
    /// Makes known what has changed since the last time.
    pub(crate) fn publish_metrics(&self) {
        let published = &mut *self.published.lock();
        let summary = self.summary.lock().clone();
        count(&published.summary, &summary);
        published.summary = summary;
        if let Some(cache) = &self.cache {
            let statistics = cache.statistics();
            publish_cache(published.cache, statistics);
            published.cache = statistics;
        }
        let breaker = self.breaker.counts();
        counter!(RETRIES).increment(breaker.retries.saturating_sub(published.retries));
        counter!(OUTAGES).increment(breaker.outages.saturating_sub(published.outages));
        (published.retries, published.outages) = (breaker.retries, breaker.outages);
        gauge!(BREAKER).set(match breaker.state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        });
        let (mut others, mut pending, mut bytes, mut in_sync) = (None::<State>, 0, 0, 0);
        let (now, slots) = (self.clock.now(), self.all_slots());
        for slot in &slots {
            let (instrument, state) = {
                let slot = slot.lock();
                let (gaps, gap_micros) = slot.engine.gap_extent();
                let (watermarks, missing) = (slot.watermarks(), slot.engine.missing_ids());
                pending += watermarks.pending_rows;
                bytes += slot.pending_bytes();
                in_sync += usize::from(slot.engine.live_book().is_some());
                (slot.engine.instrument().clone(), State { watermarks, gaps, gap_micros, missing })
            };
            if published.labelled.len() < MAX_LABELLED {
                published.labelled.insert(instrument.clone());
            }
            if published.labelled.contains(&instrument) {
                state.publish(instrument.to_string(), now);
            } else {
                others = Some(others.map_or(state, |others| others.with(state)));
            }
        }
        if let Some(others) = others {
            others.publish("others".to_owned(), now);
        }
        gauge!(INSTRUMENTS).set(slots.len() as f64);
        gauge!(BOOKS_IN_SYNC).set(in_sync as f64);
        gauge!(PENDING_ROWS).set(pending as f64);
        gauge!(PENDING_BYTES).set(bytes as f64);
        gauge!(PENDING_QUARANTINE).set(self.quarantine.lock().len() as f64);
        if let Some(journal) = &self.journal {
            gauge!(JOURNAL_BYTES).set(journal.bytes() as f64);
        }
    }
}

fn count(before: &IngestSummary, now: &IngestSummary) {
    let refused = |summary: &IngestSummary| {
        summary.messages.saturating_sub(summary.stamped + summary.redelivered + summary.ignored)
    };
    let outcomes = [
        ("stamped", before.stamped, now.stamped),
        ("redelivered", before.redelivered, now.redelivered),
        ("ignored", before.ignored, now.ignored),
        ("refused", refused(before), refused(now)),
    ];
    for (outcome, before, now) in outcomes {
        counter!(MESSAGES, "outcome" => outcome).increment(now.saturating_sub(before));
    }
    let tables = [
        ("trades", before.trades, now.trades),
        ("candles", before.candles, now.candles),
        ("books", before.books, now.books),
        ("imbalances", before.imbalances, now.imbalances),
        ("coverage", before.coverage, now.coverage),
        ("imports", before.imports, now.imports),
    ];
    for (table, before, now) in tables {
        counter!(ROWS, "table" => table).increment(now.saturating_sub(before));
    }
    let events = [
        ("opened", before.gaps, now.gaps),
        ("filled", before.gaps_filled, now.gaps_filled),
        ("unfillable", before.gaps_unfillable, now.gaps_unfillable),
    ];
    for (event, before, now) in events {
        counter!(GAPS, "event" => event).increment(now.saturating_sub(before));
    }
    counter!(REVISIONS).increment(now.revisions.saturating_sub(before.revisions));
    counter!(QUARANTINED).increment(now.quarantined.saturating_sub(before.quarantined));
    counter!(REFUSED_ROWS).increment(now.refused_rows.saturating_sub(before.refused_rows));
    counter!(PASSED_OVER).increment(now.passed_over.saturating_sub(before.passed_over));
    counter!(BOOKS_LOST).increment(now.books_lost.saturating_sub(before.books_lost));
}

fn publish_cache(before: CacheStatistics, now: CacheStatistics) {
    counter!(CACHE_READS, "outcome" => "hit").increment(now.hits.saturating_sub(before.hits));
    counter!(CACHE_READS, "outcome" => "miss").increment(now.misses.saturating_sub(before.misses));
    counter!(CACHE_EVICTIONS).increment(now.evictions.saturating_sub(before.evictions));
    gauge!(CACHE_ROWS).set(now.rows as f64);
    gauge!(CACHE_BYTES).set(now.bytes as f64);
}

/// A batch of so many rows that the store has, or could not be given.
pub(crate) fn written(rows: usize, micros: i64) {
    histogram!(WRITE_DURATION).record(seconds(micros));
    histogram!(WRITE_ROWS).record(rows as f64);
}

/// Somebody has waited for the journal.
pub(crate) fn journaled(micros: i64) {
    histogram!(JOURNAL_WAIT).record(seconds(micros));
}

/// A metric is a float by its nature; these lose nothing that matters.
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests;
