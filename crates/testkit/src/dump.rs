//! The canonical text of everything a store holds of an instrument: equal texts are equal tables.

use std::fmt::Write as _;
use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::book::BookSnapshot;
use onetape_domain::bucket::SampledBucket;
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::canonical;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FullBook;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use onetape_ports::{BookQuery, CandleQuery, Knowledge, MarketStore, Selection, StoreError, TimeQuery};
use serde::Serialize;

/// Every row of an instrument.
pub(crate) struct Tables {
    pub(crate) candles: Vec<Candle>,
    pub(crate) superseded: Vec<SupersededCandle>,
    pub(crate) trades: Vec<Trade>,
    pub(crate) books: Vec<Arc<BookSnapshot>>,
    pub(crate) buckets: Vec<SampledBucket>,
    pub(crate) imbalances: Vec<Imbalances>,
    pub(crate) coverage: Vec<CoverageRow>,
    pub(crate) clock: Option<InstrumentClock>,
    pub(crate) flushed: Option<Timestamp>,
}

impl Tables {
    pub(crate) fn to_text(&self, instrument: &Instrument) -> String {
        let mut text = format!("instrument {instrument}\n");
        section(&mut text, "candle", &self.candles);
        section(&mut text, "superseded", &self.superseded);
        section(&mut text, "trade", &self.trades);
        section(&mut text, "book", &self.books);
        section(&mut text, "bucket", &self.buckets);
        section(&mut text, "imbalance", &self.imbalances);
        // Rows with the same place in the log's order may come in any order.
        let mut coverage: Vec<String> = self.coverage.iter().map(line).collect();
        coverage.sort_unstable();
        coverage.iter().for_each(|row| text.push_str(&format!("coverage {row}\n")));
        section(&mut text, "clock", self.clock.as_slice());
        if let Some(book) = self.clock.as_ref().and_then(|clock| clock.book.as_ref()) {
            text.push_str(&full_book(book));
        }
        section(&mut text, "flushed", self.flushed.as_slice());
        text
    }
}

/// Reads every table of an instrument through the ports.
///
/// # Errors
/// What the store reports.
pub async fn dump(store: &dyn MarketStore, instrument: &Instrument) -> Result<String, StoreError> {
    let (as_of, selection) = (Timestamp::LATEST, Selection::Range(TimeRange::ALL));
    let query = TimeQuery { instrument: instrument.clone(), selection, as_of };
    let mut candles = Vec::new();
    let mut superseded = Vec::new();
    for timeframe in Timeframe::ALL {
        let query = CandleQuery {
            instrument: instrument.clone(),
            timeframe,
            selection,
            as_of,
            knowledge: Knowledge::AsRecorded,
        };
        let rows = store.candles(&query).await?;
        for candle in &rows {
            let key = CandleKey { timeframe, open_time: candle.open_time() };
            superseded.extend(store.superseded(instrument, key).await?);
        }
        candles.extend(rows);
    }
    let books = BookQuery {
        instrument: instrument.clone(),
        selection,
        as_of,
        last_of_minute: false,
        superseded_partials: true,
    };
    let tables = Tables {
        candles,
        superseded,
        trades: store.stream_trades(query.clone()).try_collect().await?,
        books: store.stream_books(books).try_collect().await?,
        buckets: store.stream_buckets(query.clone()).try_collect().await?,
        imbalances: store.stream_imbalances(query.clone()).try_collect().await?,
        coverage: store.stream_coverage(query).try_collect().await?,
        clock: store.clock(instrument).await?,
        flushed: store.flushed(instrument).await?,
    };
    Ok(tables.to_text(instrument))
}

/// The first line in which two dumps differ, for a report.
pub fn first_difference(left: &str, right: &str) -> Option<String> {
    if left == right {
        return None;
    }
    let (mut lefts, mut rights) = (left.lines(), right.lines());
    for number in 1.. {
        match (lefts.next(), rights.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (a, b) => {
                let show = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
                return Some(format!("line {number}\n  got      {}\n  expected {}", show(a), show(b)));
            }
        }
    }
    None
}

/// One value as canonical text.
pub fn line<T: Serialize>(value: &T) -> String {
    canonical::to_string(value).expect("a model's serialisation does not fail")
}

fn section<T: Serialize>(text: &mut String, name: &str, rows: &[T]) {
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} {}", line(row));
    }
}

fn full_book(book: &FullBook) -> String {
    let mut levels = [book.bids.clone(), book.asks.clone()];
    levels.iter_mut().for_each(|side| side.sort_by_key(|level| level.price));
    format!("full_book {} {}\n", book.last_update, line(&levels))
}
