//! What a store holds: from when to when, how many rows, how many bytes. Cheap however much it is.

use std::fmt::{Debug, Display};

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{TimeRange, Timestamp};
use serde::Serialize;

use crate::error::StoreError;

/// Rows of a table counted one by one at most; of more the number is estimated.
pub const COUNTED_ROWS: u64 = 5_000;

/// Pieces of a table that is estimated, and rows looked at in each.
pub const PIECES: i64 = 16;
/// See [`PIECES`].
pub const PIECE_ROWS: u64 = 250;

/// Says what is stored.
#[async_trait]
pub trait InventoryStore: Display + Debug + Send + Sync + 'static {
    /// What is stored of an instrument: of each table its first and last time and its rows. One of which nothing is
    /// stored has [`Inventory::default`].
    ///
    /// - A table of at most [`COUNTED_ROWS`] rows MUST be counted exactly; of a longer one the number may be about right.
    /// - Current versions of candles count, each once; replaced versions do not.
    /// - It MUST NOT look through a table, however long that is.
    async fn inventory(&self, instrument: &Instrument) -> Result<Inventory, StoreError>;

    /// How much room the store takes; none for a store that takes no disk.
    async fn sizes(&self) -> Result<Option<Sizes>, StoreError>;
}

/// What is stored of an instrument. A table without rows has no extent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Inventory {
    /// Closed candles by timeframe, in the order of `Timeframe::ALL`, by open time.
    pub candles: [Option<Extent>; 6],
    /// Trades, by event time.
    pub trades: Option<Extent>,
    /// Sampled books, by second.
    pub books: Option<Extent>,
    /// Imbalances, by second.
    pub imbalances: Option<Extent>,
}

/// The rows of an instrument in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Time of the first row.
    pub first: Timestamp,
    /// Time of the last row.
    pub last: Timestamp,
    /// How many there are.
    pub rows: u64,
    /// Whether that is an estimate.
    pub estimated: bool,
}

/// Room on the disk, indexes included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// All of it.
    pub bytes: u64,
    /// By table, the largest first; empty where finding out would mean to read all of it.
    pub tables: Vec<TableSize>,
}

/// Room that one table takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// The table's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// What was found in a piece of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Its first rows, counted up to [`PIECE_ROWS`].
    pub rows: u64,
    /// Times of the first and the last of those counted.
    pub counted: Option<(Timestamp, Timestamp)>,
    /// Time of the piece's last row.
    pub last: Option<Timestamp>,
}

/// Cuts the time from the first to the last row into [`PIECES`] of equal length.
pub fn pieces(first: Timestamp, last: Timestamp) -> Vec<TimeRange> {
    let length = last.since(first).saturating_add(1);
    let place = |piece: i64| {
        let micros = i128::from(length) * i128::from(piece) / i128::from(PIECES);
        first.plus(i64::try_from(micros).unwrap_or(i64::MAX))
    };
    (0..PIECES).filter_map(|piece| TimeRange::try_new(place(piece), place(piece + 1)).ok()).collect()
}

/// About how many rows there are: from the first to the last row of each piece as dense as at its begin.
pub fn estimate(probes: &[Probe]) -> u64 {
    let rows = |Probe { rows, counted, last }: &Probe| match (counted, last) {
        (Some((first, until)), Some(last)) if *rows >= PIECE_ROWS => {
            let length = last.since(*first).max(0).unsigned_abs();
            let seen = until.since(*first).max(1).unsigned_abs();
            // Between so many rows there is one pause less.
            (u128::from(rows - 1) * u128::from(length) / u128::from(seen) + 1).max(u128::from(*rows))
        }
        _ => u128::from(*rows),
    };
    u64::try_from(probes.iter().map(rows).sum::<u128>()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn pieces_join_and_hold_both_ends() {
        for (first, last) in [(0, 1_599), (7, 7), (-5, 1_000_003), (0, i64::MAX - 1)] {
            let pieces = pieces(at(first), at(last));
            assert_eq!(pieces.first().map(|piece| piece.start()), Some(at(first)));
            assert_eq!(pieces.last().map(|piece| piece.end()), Some(at(last + 1)));
            assert!(pieces.windows(2).all(|pair| pair[0].end() == pair[1].start()), "{pieces:?}");
        }
    }

    #[test]
    fn rows_at_a_steady_pace_are_estimated_right_also_where_they_fill_a_part_of_their_piece() {
        // 100,000 rows, one each 1,000 µs, of which 250 were counted; how long the piece is does not matter.
        let probe =
            Probe { rows: 250, counted: Some((at(5), at(5 + 249_000))), last: Some(at(5 + 99_999_000)) };
        assert_eq!(estimate(&[probe, probe]), 200_000);
        let at_once = Probe { rows: 250, counted: Some((at(5), at(5))), last: Some(at(5)) };
        assert_eq!(estimate(&[at_once]), 250);
    }

    #[test]
    fn what_was_counted_whole_is_not_estimated() {
        let whole = Probe { rows: 3, counted: Some((at(0), at(2))), last: Some(at(2)) };
        assert_eq!(estimate(&[whole, Probe { rows: 0, counted: None, last: None }]), 3);
        assert_eq!(estimate(&[]), 0);
    }
}
