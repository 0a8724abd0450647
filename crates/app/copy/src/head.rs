//! What stands beside the rows of an instrument: its clock, what retention took, its imports.

use onetape_domain::canonical;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::expiry::Expiry;
use onetape_domain::imported::{Import, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FullBook;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{MarketStore, StoreError};

use crate::digest::of_text;
use crate::manifest::Difference;

/// Of one instrument in one store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) clock: Option<InstrumentClock>,
    pub(crate) expiry: Expiry,
    /// By number.
    pub(crate) imports: Vec<Import>,
}

impl Head {
    /// The clock first: everything else is read as of it.
    pub(crate) async fn read(store: &dyn MarketStore, instrument: &Instrument) -> Result<Self, StoreError> {
        let clock = store.clock(instrument).await?;
        let expiry = store.expiry(instrument).await?;
        let imports = store.imports(instrument).await?;
        let head = Self { clock, expiry, imports };
        Ok(match head.issued() {
            Some(issued) => head.known_at(issued),
            None => head,
        })
    }

    /// The last stamp; none of an instrument without a tape.
    pub(crate) fn issued(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.issued)
    }

    /// Imports that were taken in later still waited then.
    pub(crate) fn known_at(mut self, instant: Timestamp) -> Self {
        for import in &mut self.imports {
            if matches!(import.place, Place::At(stamp) if stamp > instant) {
                import.place = Place::Waiting;
            }
        }
        self
    }

    /// Each thing with its value, the same for the same in any store: of numbers and ranks of imports only their order
    /// is the instrument's own.
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        if let Some(clock) = &self.clock {
            // No model's serialisation fails.
            let text = canonical::to_string(clock).unwrap_or_default();
            let book = clock.book.as_ref().map(full_book).unwrap_or_default();
            let digest = of_text(&format!("{text}\n{book}"));
            lines.push(("clock".to_owned(), format!("{} {digest}", clock.issued)));
        }
        let Expiry { first, candles, trades, books, imbalances, coverage } = &self.expiry;
        let timeframes = Timeframe::ALL.into_iter().zip(candles);
        let candles = timeframes.map(|(timeframe, dropped)| (format!("ohlcv_{timeframe}"), dropped));
        let others = [
            ("trade_events", trades),
            ("order_book_snapshots", books),
            ("order_book_imbalances", imbalances),
            ("stream_coverage", coverage),
        ];
        for (table, dropped) in candles.chain(others.map(|(table, dropped)| (table.to_owned(), dropped))) {
            let shown = dropped.map(|dropped| (format!("expired {table}"), dropped.to_string()));
            lines.extend(shown);
        }
        let shown = first.filter(|_| self.expiry != Expiry { first: *first, ..Expiry::NOTHING });
        lines.extend(shown.map(|first| ("first record".to_owned(), first.to_string())));
        for (position, import) in self.imports.iter().enumerate() {
            let Import { id, instrument: _, source, timeframe, covered, place, number: _, rank: _ } = import;
            let place = match place {
                Place::Before => "before the tape".to_owned(),
                Place::At(stamp) => format!("at {stamp}"),
                Place::Waiting => "waiting".to_owned(),
            };
            let (start, end) = (covered.start(), covered.end());
            let value = format!("{position} {source} {timeframe} {start} to {end} {place}");
            lines.push((format!("import {id}"), value));
        }
        lines
    }

    /// What is not the same.
    pub(crate) fn differences(&self, target: &Self, instrument: &Instrument) -> Vec<Difference> {
        let (here, there) = (self.lines(), target.lines());
        let value = |lines: &[(String, String)], what: &str| {
            lines
                .iter()
                .find(|line| line.0 == what)
                .map_or_else(|| "nothing".to_owned(), |line| line.1.clone())
        };
        let only_there = there.iter().filter(|line| !here.iter().any(|other| other.0 == line.0));
        let all = here.iter().chain(only_there).map(|line| line.0.as_str());
        let difference = |what: &str| {
            let (source, target) = (value(&here, what), value(&there, what));
            let instrument = Some(instrument.clone());
            (source != target).then(|| Difference {
                instrument,
                what: what.to_owned(),
                day: None,
                source,
                target,
            })
        };
        all.filter_map(difference).collect()
    }
}

/// Levels come in any order.
fn full_book(book: &FullBook) -> String {
    let mut sides = [book.bids.clone(), book.asks.clone()];
    sides.iter_mut().for_each(|side| side.sort_by_key(|level| level.price));
    format!("{} {}", book.last_update, canonical::to_string(&sides).unwrap_or_default())
}
