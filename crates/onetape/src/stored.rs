//! What a store holds, instrument by instrument, and how complete that is. Cheap however much it is.

use onetape_domain::coverage::{CoverageRow, CoverageState, Intervals, Stream};
use onetape_domain::instrument::Instrument;
use onetape_domain::quality::{Quality, Tier};
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_ports::{Extent, Inventory, MarketStore, Sizes, StoreError, WallClock};
use serde::Serialize;

use crate::open::Onetape;

const DAY: i64 = 86_400 * SECOND;

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Which store, without its password.
    pub store: String,
    /// The room it takes; none for one that takes no disk.
    pub sizes: Option<Sizes>,
    /// By name.
    pub instruments: Vec<StoredInstrument>,
}

/// What is stored of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredInstrument {
    /// Which.
    pub instrument: Instrument,
    /// The last stamp.
    pub clock: Timestamp,
    /// How long ago that was, in microseconds; below zero where it is ahead of this machine's clock.
    pub age_us: i64,
    /// The tables that hold something of it.
    pub tables: Vec<StoredTable>,
    /// How many imports of candles from elsewhere there are.
    pub imports: usize,
    /// How complete each stream is that was ever there.
    pub coverage: Vec<StreamCoverage>,
}

/// The rows of an instrument in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredTable {
    /// The table's name.
    pub table: String,
    /// Its rows.
    #[serde(flatten)]
    pub extent: Extent,
}

/// How complete a stream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamCoverage {
    /// Which.
    pub stream: Stream,
    /// Since its begin.
    pub overall: Completeness,
    /// In the last day before the end of what is stored.
    pub last_day: Completeness,
}

/// How much of a time is proven, and what is missing in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Percent, rounded down to two places.
    pub percent: String,
    /// Its grade.
    pub tier: Tier,
    /// Gaps that are open.
    pub gaps: usize,
}

impl Onetape {
    /// What the store holds: of the instruments asked for that are there, or of all.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stored(&self, only: &[Instrument]) -> Result<Stored, StoreError> {
        let store = self.store();
        let mut instruments = store.instruments().await?;
        if !only.is_empty() {
            instruments.retain(|instrument| only.contains(instrument));
        }
        let mut stored = Vec::with_capacity(instruments.len());
        for instrument in instruments {
            // One that is gone meanwhile is none.
            stored.extend(one(store.as_ref(), self.clock(), instrument).await?);
        }
        Ok(Stored { store: self.url().to_string(), sizes: store.sizes().await?, instruments: stored })
    }
}

async fn one(
    store: &dyn MarketStore,
    clock: &dyn WallClock,
    instrument: Instrument,
) -> Result<Option<StoredInstrument>, StoreError> {
    let Some(stamp) = store.flushed(&instrument).await? else { return Ok(None) };
    let proof = store.coverage_proof(&instrument, Timestamp::EARLIEST, stamp).await?;
    Ok(Some(StoredInstrument {
        clock: stamp,
        age_us: clock.now().since(stamp),
        tables: tables(store.inventory(&instrument).await?),
        imports: store.imports(&instrument).await?.len(),
        coverage: coverage(&proof),
        instrument,
    }))
}

/// Under the names that SQL has for them.
fn tables(inventory: Inventory) -> Vec<StoredTable> {
    let Inventory { candles, trades, books, imbalances } = inventory;
    let candles = Timeframe::ALL
        .into_iter()
        .zip(candles)
        .map(|(timeframe, extent)| (format!("ohlcv_{timeframe}"), extent));
    let others =
        [("trade_events", trades), ("order_book_snapshots", books), ("order_book_imbalances", imbalances)];
    let others = others.map(|(table, extent)| (table.to_owned(), extent));
    candles
        .chain(others)
        .filter_map(|(table, extent)| extent.map(|extent| StoredTable { table, extent }))
        .collect()
}

/// Measured to the second the watermark had reached, as in every answer.
fn coverage(proof: &[CoverageRow]) -> Vec<StreamCoverage> {
    let alive = proof.iter().filter(|row| row.state == CoverageState::Alive);
    let Some(end) = alive.map(|row| row.end.floor_second()).max() else { return Vec::new() };
    let of_stream = |stream| {
        let rows: Vec<&CoverageRow> = proof.iter().filter(|row| row.stream == stream).collect();
        let begin = rows.iter().map(|row| row.begin).min()?;
        let covered = Intervals::of_rows(rows);
        let since = |begin| completeness(&covered, begin, end);
        Some(StreamCoverage { stream, overall: since(begin), last_day: since(begin.max(end.plus(-DAY))) })
    };
    Stream::ALL.into_iter().filter_map(of_stream).collect()
}

fn completeness(covered: &Intervals, begin: Timestamp, end: Timestamp) -> Completeness {
    let Quality { coverage, gaps, tier, revision: _ } = Quality::measure(covered, begin, end, 0);
    Completeness { percent: onetape_domain::decimal::canonical(coverage), tier, gaps: gaps.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(stream: Stream, begin: i64, end: i64, state: CoverageState) -> CoverageRow {
        let at = |seconds: i64| Timestamp::from_micros(seconds * SECOND);
        CoverageRow {
            stream,
            begin: at(begin),
            end: at(end),
            state,
            reason: String::new(),
            available_at: at(end),
        }
    }

    #[test]
    fn gaps_are_counted_over_all_and_over_the_last_day() {
        let day = 86_400;
        let proof = [
            row(Stream::Trades, 0, 3 * day, CoverageState::Alive),
            row(Stream::Trades, 100, 100 + day / 4, CoverageState::Gap),
            row(Stream::Trades, 3 * day - 10, 3 * day - 5, CoverageState::Gap),
        ]
        .map(|mut row| {
            // All known at the end: the gaps after the run.
            row.available_at = Timestamp::from_micros(3 * day * SECOND);
            row
        });
        let [trades] = &coverage(&proof)[..] else { panic!("one stream") };
        assert_eq!((trades.stream, trades.overall.gaps, trades.last_day.gaps), (Stream::Trades, 2, 1));
        assert_eq!(trades.overall.percent, "91.66");
        assert_eq!((trades.overall.tier, trades.last_day.tier), (Tier::Fair, Tier::Good));
    }

    #[test]
    fn nothing_proven_is_no_coverage() {
        assert_eq!(coverage(&[]), []);
    }
}
