//! What one message changes: the rows that go to the cache at once and to the store in one piece.

use std::sync::Arc;

use crate::book::{BookLevel, BookSnapshot};
use crate::candle::{Candle, SupersededCandle};
use crate::clock::InstrumentClock;
use crate::coverage::CoverageRow;
use crate::imbalance::Imbalances;
use crate::imported::Import;
use crate::instrument::Instrument;
use crate::trade::Trade;

/// A candle version that becomes the known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandleChange {
    /// The new version.
    pub candle: Candle,
    /// The version known until then; none when the period had no candle.
    pub replaces: Option<Candle>,
}

impl CandleChange {
    /// The replaced version with the end of its validity.
    pub fn superseded(&self) -> Option<SupersededCandle> {
        Some(SupersededCandle { candle: self.replaces?, known_to: self.candle.known_from()? })
    }
}

/// Rows of one instrument in the order of their stamps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New trades.
    pub trades: Vec<Trade>,
    /// New candle versions; several of one candle are in order.
    pub candles: Vec<CandleChange>,
    /// Sampled books; their buckets follow from them.
    pub books: Vec<Arc<BookSnapshot>>,
    /// Imbalances of wholly covered seconds.
    pub imbalances: Vec<Imbalances>,
    /// Rows of the coverage log.
    pub coverage: Vec<CoverageRow>,
    /// Imports that the writer of the tape takes in, each with its place.
    pub imports: Vec<Import>,
}

impl Changes {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.trades.len()
            + self.candles.len()
            + self.books.len()
            + self.imbalances.len()
            + self.coverage.len()
            + self.imports.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory the rows take, roughly: allocators and what rows share are left out.
    pub fn bytes(&self) -> usize {
        let level = size_of::<BookLevel>();
        let book = |book: &Arc<BookSnapshot>| (book.bids().len() + book.asks().len()) * level;
        size_of_val(&*self.trades)
            + self.trades.iter().map(|trade| trade.trade_id.len()).sum::<usize>()
            + size_of_val(&*self.candles)
            + self.books.len() * size_of::<(Arc<BookSnapshot>, BookSnapshot)>()
            + self.books.iter().map(book).sum::<usize>()
            + size_of_val(&*self.imbalances)
            + size_of_val(&*self.coverage)
            + self.coverage.iter().map(|row| row.reason.len()).sum::<usize>()
            + size_of_val(&*self.imports)
    }

    /// Gives back the room that rows to come would take.
    pub fn shrink_to_fit(&mut self) {
        let Self { trades, candles, books, imbalances, coverage, imports } = self;
        trades.shrink_to_fit();
        candles.shrink_to_fit();
        books.shrink_to_fit();
        imbalances.shrink_to_fit();
        coverage.shrink_to_fit();
        imports.shrink_to_fit();
    }

    /// Moves all rows of `other` behind these.
    pub fn append(&mut self, other: &mut Self) {
        self.trades.append(&mut other.trades);
        self.candles.append(&mut other.candles);
        self.books.append(&mut other.books);
        self.imbalances.append(&mut other.imbalances);
        self.coverage.append(&mut other.coverage);
        self.imports.append(&mut other.imports);
    }
}

/// All changes of an instrument up to a stamp, together with the clock that stands there. Written in
/// one transaction, so that the store always holds a prefix of the tape.
#[derive(Debug, Clone, PartialEq)]
pub struct TapeBatch {
    /// Whose rows these are.
    pub instrument: Instrument,
    /// The rows.
    pub changes: Changes,
    /// The clock after the last message of the batch.
    pub clock: InstrumentClock,
}
