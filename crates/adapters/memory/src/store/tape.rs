//! Writing the tape.

use async_trait::async_trait;
use onetape_domain::candle::CandleState;
use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{ClockStore as _, StoreError, StoreErrorKind, TapeStore};

use super::{MemoryStore, Tape, archive};
use crate::series::ByStamp;

const OPERATION: &str = "append";

#[async_trait]
impl TapeStore for MemoryStore {
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        check(batch)?;
        // No await from here on: the call cannot be cancelled half-way.
        let tape = match self.tape(&batch.instrument) {
            Some(tape) => tape,
            None => self.inner.tapes.write().entry(batch.instrument.clone()).or_default().clone(),
        };
        let mut tape = tape.write();
        if tape.follows(batch, expected)? == Follows::Written {
            return Ok(());
        }
        tape.write_rows(&batch.changes);
        self.inner.imports.write().place(&batch.instrument, &batch.changes.imports, expected.is_none());
        tape.clock = Some(batch.clock.clone());
        Ok(())
    }

    async fn rehearse(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        check(batch)?;
        match self.tape(&batch.instrument) {
            Some(tape) => tape.read().follows(batch, expected).map(drop),
            None => Tape::default().follows(batch, expected).map(drop),
        }
    }

    async fn resume(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        self.clock(instrument).await
    }
}

/// What a batch that may be written is to what is stored.
#[derive(PartialEq, Eq)]
enum Follows {
    Next,
    /// Its acknowledgement was lost.
    Written,
}

impl Tape {
    fn follows(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<Follows, StoreError> {
        if let Some(load) = &self.load {
            return Err(archive::under_way(OPERATION, load));
        }
        let stored = self.clock.as_ref().map(|clock| clock.issued);
        let is_next = stored == expected && stored.is_none_or(|stored| stored <= batch.clock.issued);
        if is_next {
            return Ok(Follows::Next);
        }
        if stored == Some(batch.clock.issued) {
            return Ok(Follows::Written);
        }
        let text =
            |stamp: Option<Timestamp>| stamp.map_or_else(|| "none".to_owned(), |stamp| stamp.to_string());
        let message = format!(
            "the clock of {} stands at {}, not at {}: another writer moved it",
            batch.instrument,
            text(stored),
            text(expected)
        );
        Err(StoreError::new(StoreErrorKind::Conflict, OPERATION, message))
    }

    fn write_rows(&mut self, changes: &Changes) {
        let Changes { trades, candles, books, imbalances, coverage, imports: _ } = changes;
        for trade in trades {
            self.trades.insert(trade.clone());
        }
        for change in candles {
            self.candles[change.candle.timeframe().index()].put(change.candle);
        }
        for book in books {
            if self.books.insert(book.clone()) {
                self.books_by_stamp.insert(ByStamp(book.clone()));
            }
        }
        for row in imbalances {
            self.imbalances.insert(*row);
        }
        for row in coverage {
            self.coverage.insert(row.clone());
        }
    }
}

fn check(batch: &TapeBatch) -> Result<(), StoreError> {
    let wrong = |message: String| Err(StoreError::new(StoreErrorKind::Data, OPERATION, message));
    if batch.clock.instrument != batch.instrument {
        return wrong(format!(
            "the clock of {} came with rows of {}",
            batch.clock.instrument, batch.instrument
        ));
    }
    let closed = |state, known_from: Option<Timestamp>| state == CandleState::Traded && known_from.is_some();
    match batch
        .changes
        .candles
        .iter()
        .find(|change| !closed(change.candle.state(), change.candle.known_from()))
    {
        Some(change) => {
            let (timeframe, open_time) = (change.candle.timeframe(), change.candle.open_time());
            wrong(format!("the {timeframe} candle of {} at {open_time} is not closed", batch.instrument))
        }
        None => Ok(()),
    }
}
