//! Where an instrument's rows can lie: every read has a lower bound in time, so that only chunks that may
//! hold an answer are looked at, and a read of the last rows knows when there are no more.

use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use sqlx::PgExecutor;

use crate::micros::Micros;

/// How much farther back each attempt at the last rows looks than the one before.
const WIDENING: i64 = 32;
/// Attempts before the instrument's first row is the bound.
const ATTEMPTS: u32 = 2;

/// What the `instruments` table says; kept true by every writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// No row has an earlier time, but for candles, of which none has an earlier first trade.
    pub(crate) first_time: Timestamp,
    /// The most a row's event time lies ahead of its stamp.
    pub(crate) lead: i64,
}

impl Bounds {
    /// Of an instrument without an entry, which has rows only if somebody broke the rule.
    pub(crate) const UNKNOWN: Self = Self { first_time: Timestamp::EARLIEST, lead: 3_600 * SECOND };

    pub(crate) async fn read(
        executor: impl PgExecutor<'_>,
        instrument: &Instrument,
    ) -> Result<Self, sqlx::Error> {
        let row: Option<(Micros, i64)> = sqlx::query_as(include_str!("queries/bounds.sql"))
            .bind(instrument.symbol().as_str())
            .bind(instrument.exchange().as_str())
            .fetch_optional(executor)
            .await?;
        Ok(row.map_or(Self::UNKNOWN, |(Micros(first_time), lead)| Self { first_time, lead }))
    }

    /// The same for candles of a timeframe by their open time.
    pub(crate) fn of_candles(self, timeframe: Timeframe) -> Self {
        Self { first_time: timeframe.open_time(self.first_time), ..self }
    }

    /// The part of a range that rows known at `as_of` can lie in, when none is `lead` ahead of its stamp.
    pub(crate) fn clip(&self, range: TimeRange, as_of: Timestamp, lead: i64) -> (Timestamp, Timestamp) {
        let start = range.start().max(self.first_time);
        (start, range.end().min(as_of.plus(lead).plus(1)))
    }

    /// Lower bounds to try one after the other for the last rows before `end`; the last one holds all.
    pub(crate) fn lowers(&self, end: Timestamp, span: i64) -> Vec<Timestamp> {
        let spans = (0..ATTEMPTS).map(|attempt| span.saturating_mul(WIDENING.pow(attempt)));
        let mut lowers: Vec<_> =
            spans.map(|span| end.plus(-span)).take_while(|lower| *lower > self.first_time).collect();
        lowers.push(self.first_time);
        lowers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_widen_down_to_the_first_row() {
        let bounds = Bounds { first_time: Timestamp::from_micros(1_000), lead: 0 };
        let micros = |end, span| -> Vec<i64> {
            bounds.lowers(Timestamp::from_micros(end), span).into_iter().map(Timestamp::micros).collect()
        };
        assert_eq!(micros(100_000, 10), [99_990, 99_680, 1_000]);
        assert_eq!(micros(2_000, 100), [1_900, 1_000]);
        assert_eq!(micros(1_050, 100), [1_000]);
        assert_eq!(micros(2_000, i64::MAX), [1_000]);
    }
}
