//! Answers of the cache: exactly what a store would give, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use onetape_domain::candle::Candle;
use onetape_domain::frame::{FrameParts, context_range};
use onetape_domain::imbalance::{Imbalances, LONGEST_WINDOW};
use onetape_domain::imported::Import;
use onetape_domain::indicator::{Closes, MAX_WINDOW};
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ports::{CandleQuery, FrameQuery, Knowledge, Selection};

use super::proof::Proof;
use super::state::{Ring, State};
use crate::candles::Lens;
use crate::parts::measured_from;
use crate::series::{FIRST, LAST};

impl State {
    /// The parts of a frame with the effective instant.
    pub(super) fn frame_parts(&self, query: &FrameQuery) -> Option<(Timestamp, FrameParts)> {
        let FrameQuery { as_of, shape, knowledge, .. } = *query;
        let as_of = self.effective(as_of)?;
        // The clock's own instant is the common one: it needs no other proof than the newest.
        let earlier = (as_of < self.issued).then(|| self.coverage.proof(as_of));
        let proof = earlier.as_ref().unwrap_or(&self.coverage.tip);
        let lens = lens(as_of, knowledge, proof);
        let limit = shape.candles.max(FrameParts::FORMING_ROWS);
        let sums =
            self.open_seconds.as_ref().filter(|_| as_of == self.issued && knowledge == Knowledge::AsRecorded);
        let open_trades = self.open_trades(as_of, knowledge, lens, proof, sums.is_some())?;
        let mut parts = FrameParts {
            book: self.books.known(FIRST, LAST, as_of).next_back().map(|row| row.0.clone()),
            open_trades,
            open_seconds: sums.map(|sums| BTreeMap::clone(sums)).unwrap_or_default(),
            imbalances: self.imbalances(shape.imbalances.max(LONGEST_WINDOW), as_of)?,
            context: self.rings[Timeframe::S1.index()]
                .range(context_range(as_of, shape.context_window), lens)?,
            imports: self.imports_at(as_of, knowledge),
            ..FrameParts::default()
        };
        for (at, ring) in self.rings.iter().enumerate() {
            parts.candles[at] = ring.last(limit, lens)?;
            parts.closes[at] = ring.closes(lens)?;
        }
        let from = measured_from(&parts);
        if self.coverage.proven_from.is_some_and(|proven| from.is_some_and(|from| from < proven)) {
            return None;
        }
        parts.coverage = proof.rows(from.unwrap_or(FIRST));
        Some((as_of, parts))
    }

    /// The imports known at an instant, which is not before the tape.
    fn imports_at(&self, as_of: Timestamp, knowledge: Knowledge) -> Arc<[Import]> {
        let known =
            |import: &&Import| knowledge == Knowledge::AsCorrected || import.is_known(as_of, Some(FIRST));
        if self.imports.iter().all(|import| known(&import)) {
            return self.imports.clone();
        }
        self.imports.iter().filter(known).cloned().collect()
    }

    /// Candles with the effective instant.
    pub(super) fn candles(&self, query: &CandleQuery) -> Option<(Timestamp, Vec<Candle>)> {
        let as_of = self.effective(query.as_of)?;
        if !self.imports.is_empty() {
            return None;
        }
        let lens = match query.knowledge {
            Knowledge::AsRecorded => Lens::Recorded(as_of),
            Knowledge::AsCorrected => lens(as_of, query.knowledge, &self.coverage.proof(as_of)),
        };
        let ring = &self.rings[query.timeframe.index()];
        let rows = match query.selection {
            Selection::Last(n) => ring.last(n, lens)?,
            Selection::Range(range) => ring.range(range, lens)?,
        };
        Some((as_of, rows))
    }

    /// The instant as far as the clock has come; none where it lies before the floor.
    fn effective(&self, as_of: Timestamp) -> Option<Timestamp> {
        let as_of = as_of.min(self.issued);
        self.floor.is_none_or(|floor| floor <= as_of).then_some(as_of)
    }

    fn open_trades(
        &self,
        as_of: Timestamp,
        knowledge: Knowledge,
        lens: Lens,
        proof: &Proof,
        summed: bool,
    ) -> Option<Vec<Trade>> {
        let from = self.rings[Timeframe::S1.index()].series.latest(lens).map_or(FIRST, Candle::close_time);
        if self.trades_from.is_some_and(|kept| from < kept) {
            return None;
        }
        if summed {
            return Some(Vec::new());
        }
        Some(match knowledge {
            Knowledge::AsRecorded => self.trades.known(from, LAST, as_of),
            Knowledge::AsCorrected => {
                self.trades.known(from, proof.watermark_second().unwrap_or(FIRST), LAST)
            }
        })
    }

    fn imbalances(&self, n: usize, as_of: Timestamp) -> Option<Vec<Imbalances>> {
        let known = self.imbalances.series.known(FIRST, LAST, as_of);
        let mut rows: Vec<Imbalances> = Vec::with_capacity(n.min(self.imbalances.series.len()));
        rows.extend(known.rev().take(n));
        rows.reverse();
        (rows.len() == n || !self.imbalances.cut).then_some(rows)
    }
}

fn lens(as_of: Timestamp, knowledge: Knowledge, proof: &Proof) -> Lens {
    match knowledge {
        Knowledge::AsRecorded => Lens::Recorded(as_of),
        Knowledge::AsCorrected => Lens::Corrected(proof.watermark_second()),
    }
}

impl Ring {
    fn last(&self, n: usize, lens: Lens) -> Option<Vec<Candle>> {
        let rows = self.series.last(lens, n);
        (rows.len() == n || self.kept_from.is_none()).then_some(rows)
    }

    fn range(&self, range: TimeRange, lens: Lens) -> Option<Vec<Candle>> {
        let complete =
            range.start() == range.end() || self.kept_from.is_none_or(|from| from <= range.start());
        complete.then(|| self.series.range(range.start(), range.end(), lens))
    }

    /// The closes seen; those of the common instant, which sees all there is, are shared.
    fn closes(&self, lens: Lens) -> Option<Arc<Closes>> {
        let found = || self.find_closes(lens).map(|closes| Arc::new(closes.into()));
        match lens {
            Lens::Recorded(_) if self.series.shows_all(lens) => self.newest_closes.get_or_init(found).clone(),
            _ => found(),
        }
    }

    fn find_closes(&self, lens: Lens) -> Option<Vec<f64>> {
        let closes = self.series.last_closes(lens, MAX_WINDOW);
        if closes.len() == MAX_WINDOW || self.kept_from.is_none() {
            return Some(closes);
        }
        let missing = MAX_WINDOW - closes.len();
        let older = &self.older_closes[self.older_closes.len().saturating_sub(missing)..];
        // The older ones are as recorded, and all known at every instant answered for.
        let complete = matches!(lens, Lens::Recorded(_)) && (older.len() == missing || self.all_closes);
        complete.then(|| [older, &closes].concat())
    }
}
