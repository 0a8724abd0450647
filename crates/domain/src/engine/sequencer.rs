//! The stamp: one strictly increasing axis an instrument, on which everything becomes available.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Gives each state-changing message its stamp.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequencer {
    issued: Option<Timestamp>,
    first: Option<Timestamp>,
}

impl Sequencer {
    /// `max(last + 1 µs, sent_at, min(received_at, sent_at + lead_limit))`.
    pub fn stamp(&mut self, sent_at: Timestamp, received_at: Timestamp, lead_limit: i64) -> Timestamp {
        let natural = sent_at.max(received_at.min(sent_at.plus(lead_limit)));
        self.issue(natural)
    }

    /// The stamp right after the last one, for what has no message of its own.
    pub fn issue_next(&mut self) -> Option<Timestamp> {
        let last = self.issued?;
        Some(self.issue(last))
    }

    /// The last stamp issued.
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// The first stamp ever issued: since when the instrument is live.
    pub fn first(&self) -> Option<Timestamp> {
        self.first
    }

    fn issue(&mut self, natural: Timestamp) -> Timestamp {
        let stamp = self.issued.map_or(natural, |last| natural.max(last.plus(1)));
        self.issued = Some(stamp);
        self.first.get_or_insert(stamp);
        stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn a_receive_clock_behind_the_venue_leaves_the_venues_time() {
        assert_eq!(Sequencer::default().stamp(at(1_000), at(10), 5), at(1_000));
    }

    #[test]
    fn a_receive_clock_far_ahead_moves_the_stamp_by_the_limit_only() {
        assert_eq!(Sequencer::default().stamp(at(1_000), at(9_000), 500), at(1_500));
        assert_eq!(Sequencer::default().stamp(at(1_000), at(1_100), 500), at(1_100));
    }

    #[test]
    fn stamps_rise_by_at_least_one() {
        let mut sequencer = Sequencer::default();
        assert_eq!(sequencer.issue_next(), None);
        let stamps = [50, 50, 40].map(|sent| sequencer.stamp(at(sent), at(0), 5));
        assert_eq!(stamps, [at(50), at(51), at(52)]);
        assert_eq!(sequencer.issue_next(), Some(at(53)));
        assert_eq!((sequencer.first(), sequencer.issued()), (Some(at(50)), Some(at(53))));
    }
}
