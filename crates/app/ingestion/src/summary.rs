//! What a run of ingestion did.

use std::collections::BTreeMap;

use onetape_domain::change::Changes;
use onetape_domain::coverage::{CoverageState, Stream};
use onetape_domain::engine::gaps::{arrived_ids_of, missing_ids_of};
use onetape_domain::engine::{Outcome, Step};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;

/// Counts of a run. Rows are those of this run: a re-delivered tape makes none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IngestSummary {
    /// Messages taken in.
    pub messages: u64,
    /// Messages that changed something.
    pub stamped: u64,
    /// Messages whose content was known.
    pub redelivered: u64,
    /// Messages that are neither stored nor proof, such as tickers.
    pub ignored: u64,
    /// Records refused and quarantined.
    pub quarantined: u64,
    /// Rows that the store refused, quarantined and left out of its tables.
    pub refused_rows: u64,
    /// Trades of the other kind of stream (single beside aggregate) passed over.
    pub passed_over: u64,
    /// New trades.
    pub trades: u64,
    /// New candle versions, revisions included.
    pub candles: u64,
    /// Candle versions that replaced another one.
    pub revisions: u64,
    /// Sampled books.
    pub books: u64,
    /// Imbalance rows.
    pub imbalances: u64,
    /// Rows of the coverage log.
    pub coverage: u64,
    /// Holes that opened in the ids of trades.
    pub gaps: u64,
    /// Ranges of them that were proven complete after all.
    pub gaps_filled: u64,
    /// Holes that were given up.
    pub gaps_unfillable: u64,
    /// How often a book lost its synchrony.
    pub books_lost: u64,
    /// Imports taken in.
    pub imports: u64,
    /// The last stamp of each instrument seen.
    pub clocks: BTreeMap<Instrument, Timestamp>,
}

impl IngestSummary {
    pub(crate) fn count_step(&mut self, step: &Step) {
        self.messages += 1;
        match step.outcome {
            Outcome::Stamped(_) => self.stamped += 1,
            Outcome::Redelivered => self.redelivered += 1,
            Outcome::Ignored => self.ignored += 1,
            Outcome::Refused(_) => self.quarantined += 1,
            Outcome::NeedsCandles(_) => {}
        }
        self.quarantined += step.refused.len() as u64;
        self.passed_over += step.passed_over as u64;
    }

    pub(crate) fn count_rows(&mut self, changes: &Changes) {
        self.trades += changes.trades.len() as u64;
        self.candles += changes.candles.len() as u64;
        self.revisions += changes.candles.iter().filter(|change| change.replaces.is_some()).count() as u64;
        self.books += changes.books.len() as u64;
        self.imbalances += changes.imbalances.len() as u64;
        self.coverage += changes.coverage.len() as u64;
        self.imports += changes.imports.len() as u64;
        for row in &changes.coverage {
            match (row.stream, row.state) {
                (Stream::Trades, CoverageState::Gap) => {
                    self.gaps += u64::from(missing_ids_of(&row.reason).is_some());
                }
                (Stream::Trades, CoverageState::Filled) => {
                    self.gaps_filled += u64::from(arrived_ids_of(&row.reason).is_some());
                }
                (Stream::Trades, CoverageState::Unfillable) => self.gaps_unfillable += 1,
                (Stream::Book, CoverageState::Gap) => self.books_lost += 1,
                _ => {}
            }
        }
    }
}
