//! The coverage log folded up: what it proves, in as many ranges as that takes.

use onetape_domain::coverage::{CoverageRow, CoverageState, Intervals, Stream};
use onetape_domain::time::{SECOND, Timestamp};

use crate::series::FIRST;

/// What the log proves at an instant.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    covered: [Intervals; 2],
    /// The watermark's second.
    watermark: Option<Timestamp>,
    /// The last stamp that went in.
    stamp: Option<Timestamp>,
}

impl Proof {
    /// Takes the next row of the log in; rows must come in its order.
    pub(super) fn apply(&mut self, row: &CoverageRow) {
        let covered = &mut self.covered[row.stream.index()];
        match row.state {
            CoverageState::Alive | CoverageState::Filled => covered.add(row.begin, row.end),
            CoverageState::Gap | CoverageState::Unfillable => covered.remove(row.begin, row.end),
        }
        if row.state == CoverageState::Alive {
            self.watermark = self.watermark.max(Some(row.end.floor_second()));
        }
        self.stamp = self.stamp.max(Some(row.available_at));
    }

    pub(super) fn watermark_second(&self) -> Option<Timestamp> {
        self.watermark
    }

    /// Number of ranges.
    pub(super) fn len(&self) -> usize {
        self.covered.iter().map(|covered| covered.ranges().len()).sum()
    }

    /// Forgets the oldest ranges of each stream beyond `limit`; from the instant returned on, all that
    /// was known still is.
    pub(super) fn clip(&mut self, limit: usize) -> Option<Timestamp> {
        let surplus =
            |covered: &Intervals| covered.ranges().len().checked_sub(limit).filter(|surplus| *surplus > 0);
        let cuts = self.covered.iter().filter_map(|covered| Some(covered.ranges()[surplus(covered)? - 1].1));
        let cut = cuts.max()?;
        for covered in &mut self.covered {
            covered.remove(FIRST, cut);
        }
        Some(cut)
    }

    /// Rows that prove the same from `from` on, watermark included.
    pub(super) fn rows(&self, from: Timestamp) -> Vec<CoverageRow> {
        let (Some(stamp), mut rows) = (self.stamp, Vec::new()) else {
            return Vec::new();
        };
        let row = |stream, state, (begin, end)| CoverageRow {
            stream,
            begin,
            end,
            state,
            reason: String::new(),
            available_at: stamp,
        };
        let mut told = self.watermark.is_none();
        for stream in Stream::ALL {
            for range in self.covered[stream.index()].ranges().iter().filter(|range| from < range.1) {
                let second = Some(range.1.floor_second());
                let alive = second <= self.watermark;
                told |= second == self.watermark;
                rows.push(row(
                    stream,
                    if alive { CoverageState::Alive } else { CoverageState::Filled },
                    *range,
                ));
            }
        }
        if let (false, Some(watermark)) = (told, self.watermark) {
            // No range that is left ends there: say it was reached, take that back, prove the rest.
            let last = (watermark.plus(-SECOND), watermark);
            let states = [CoverageState::Alive, CoverageState::Gap];
            for filled in rows.iter_mut().filter(|row| row.stream == Stream::Trades) {
                filled.state = CoverageState::Filled;
            }
            rows.extend(states.map(|state| row(Stream::Trades, state, last)));
        }
        rows.sort_by_key(|row| (row.stream, row.state, row.begin));
        rows
    }
}

#[cfg(test)]
mod tests {
    use onetape_domain::frame::FrameParts;
    use proptest::prelude::*;

    use super::*;

    const STATES: [CoverageState; 4] =
        [CoverageState::Alive, CoverageState::Gap, CoverageState::Filled, CoverageState::Unfillable];

    fn at(tenths: i64) -> Timestamp {
        Timestamp::from_micros(tenths * SECOND / 10)
    }

    /// Any log at all, also one no engine writes.
    fn log() -> impl Strategy<Value = Vec<CoverageRow>> {
        let row = (0..2_usize, 0..4_usize, 0..200_i64, 0..60_i64);
        prop::collection::vec(row, 0..40).prop_map(|rows| {
            let rows =
                rows.into_iter().enumerate().map(|(place, (stream, state, begin, length))| CoverageRow {
                    stream: Stream::ALL[stream],
                    begin: at(begin),
                    end: at(begin + length),
                    state: STATES[state],
                    reason: String::new(),
                    available_at: at(place as i64),
                });
            rows.collect()
        })
    }

    fn folded(rows: &[CoverageRow]) -> Proof {
        let mut proof = Proof::default();
        rows.iter().for_each(|row| proof.apply(row));
        proof
    }

    fn parts(coverage: Vec<CoverageRow>) -> FrameParts {
        FrameParts { coverage, ..FrameParts::default() }
    }

    proptest! {
        #[test]
        fn folded_rows_prove_what_the_log_proves(rows in log(), cut in 0..200_i64) {
            let (got, expected) = (parts(folded(&rows).rows(at(cut))), parts(rows));
            prop_assert_eq!(got.watermark_second(), expected.watermark_second());
            for stream in Stream::ALL {
                let [mut got, mut expected] = [&got, &expected].map(|parts| parts.covered(stream));
                got.remove(FIRST, at(cut));
                expected.remove(FIRST, at(cut));
                prop_assert_eq!(got, expected);
            }
        }

        #[test]
        fn a_clipped_proof_holds_few_ranges_and_all_since_the_cut(rows in log(), limit in 1..4_usize) {
            let (whole, mut clipped) = (folded(&rows), folded(&rows));
            let cut = clipped.clip(limit);
            prop_assert!(clipped.covered.iter().all(|covered| covered.ranges().len() <= limit));
            let from = cut.unwrap_or(FIRST);
            for stream in Stream::ALL {
                let mut expected = whole.covered[stream.index()].clone();
                expected.remove(FIRST, from);
                prop_assert_eq!(&clipped.covered[stream.index()], &expected);
            }
            prop_assert_eq!(clipped.watermark_second(), whole.watermark_second());
        }
    }
}
