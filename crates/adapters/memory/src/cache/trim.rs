//! What the cache lets go of once the store has it, and how much it holds.

use std::sync::Arc;

use onetape_domain::book::{BookLevel, BookSnapshot};
use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::coverage::CoverageRow;
use onetape_domain::imbalance::{Imbalances, LONGEST_WINDOW};
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::Trade;

use super::CacheConfig;
use super::state::State;
use crate::candles::Lens;
use crate::series::{FIRST, LAST, Row};

impl State {
    /// Notes that the store holds everything up to `stamp`, and lets go of what no instant answered for
    /// needs. Returns how many rows went.
    pub(super) fn durable(&mut self, stamp: Timestamp, config: &CacheConfig) -> u64 {
        let durable = self.durable.map_or(stamp, |before| before.max(stamp)).min(self.issued);
        self.durable = Some(durable);
        let crowded = self.trades.stamp_before_last(config.trades).map_or(FIRST, |stamp| stamp.min(durable));
        let floor = durable.min(self.issued.plus(-config.as_of_window)).max(crowded);
        // Not for every batch: a step is a second, or a segment of surplus trades.
        if self.trimmed.is_some_and(|trimmed| floor < trimmed.plus(SECOND) && crowded <= trimmed) {
            return 0;
        }
        self.trimmed = Some(floor);
        let floor = self.floor.map_or(floor, |before| before.max(floor));
        let evicted = self.trim_trades(floor, durable, config)
            + self.trim_candles(floor, durable, config)
            + self.trim_books(floor)
            + self.trim_imbalances(floor, durable, config)
            + self.fold_coverage(floor, config);
        if evicted > 0 {
            self.floor = Some(floor);
        }
        evicted as u64
    }

    fn trim_trades(&mut self, floor: Timestamp, durable: Timestamp, config: &CacheConfig) -> usize {
        let seconds = &self.rings[Timeframe::S1.index()].series;
        let open_from = seconds.latest(Lens::Recorded(floor)).map_or(FIRST, Candle::close_time);
        let evicted = self.trades.evict(|stamp, latest, rest| {
            stamp <= durable && (latest < open_from || rest >= config.open_trades)
        });
        let Some((evicted, latest)) = evicted else {
            return 0;
        };
        let from = latest.plus(1);
        self.trades_from = Some(self.trades_from.map_or(from, |before| before.max(from)));
        evicted
    }

    fn trim_candles(&mut self, floor: Timestamp, durable: Timestamp, config: &CacheConfig) -> usize {
        let mut evicted = 0;
        for timeframe in Timeframe::ALL {
            let at = timeframe.index();
            let capacity = if timeframe == Timeframe::S1 { config.second_candles } else { config.candles };
            let series = &self.rings[at].series;
            let surplus = series.surplus(capacity, MAX_WINDOW, floor, durable);
            if surplus == 0 && !series.has_replaced_by(floor) {
                continue;
            }
            let ring = Arc::make_mut(&mut Arc::make_mut(&mut self.rings)[at]);
            evicted += ring.series.forget_replaced(floor);
            if let Some((candles, last)) = ring.series.evict(surplus) {
                evicted += candles;
                ring.kept_from = Some(last.plus(1));
                // What came before is further back than any read reaches while the ring is this long.
                ring.older_closes = Arc::new([]);
                ring.all_closes = false;
            }
        }
        evicted
    }

    fn trim_books(&mut self, floor: Timestamp) -> usize {
        let known = self.books.known(FIRST, LAST, floor).next_back();
        let Some(keep) = known.map(Row::time).filter(|keep| self.books.has_chunk_before(*keep)) else {
            return 0;
        };
        Arc::make_mut(&mut self.books).evict_while(|books| books.iter().all(|book| book.time() < keep))
    }

    fn trim_imbalances(&mut self, floor: Timestamp, durable: Timestamp, config: &CacheConfig) -> usize {
        let series = &self.imbalances.series;
        let later = series.iter().rev().take_while(|row| row.available_at > floor).count();
        let mut surplus = series.len().saturating_sub(config.imbalances.max(LONGEST_WINDOW + later));
        if surplus == 0 {
            return 0;
        }
        let rows = Arc::make_mut(&mut self.imbalances);
        let evicted = rows.series.evict_while(|chunk| {
            let goes = chunk.len() <= surplus && chunk.iter().all(|row| row.available_at <= durable);
            surplus -= if goes { chunk.len() } else { 0 };
            goes
        });
        rows.cut |= evicted > 0;
        evicted
    }

    fn fold_coverage(&mut self, floor: Timestamp, config: &CacheConfig) -> usize {
        if self.coverage.log.first().is_none_or(|first| first.available_at > floor) {
            return 0;
        }
        let coverage = Arc::make_mut(&mut self.coverage);
        let before = coverage.log.len();
        coverage.log.known(FIRST, LAST, floor).for_each(|row| coverage.base.apply(row));
        let mut rest = coverage.log.emptied();
        for row in coverage.log.iter().filter(|row| row.available_at > floor) {
            rest.insert(row.clone());
        }
        coverage.log = rest;
        let cuts = [coverage.base.clip(config.coverage_ranges), coverage.tip.clip(config.coverage_ranges)];
        coverage.proven_from = cuts.into_iter().fold(coverage.proven_from, Option::max);
        before - coverage.log.len()
    }

    /// Rows that are not durable yet.
    pub(super) fn undurable_rows(&self) -> usize {
        let durable = self.durable.unwrap_or(FIRST);
        let candles: usize = self.rings.iter().map(|ring| ring.series.versions_after(durable)).sum();
        candles
            + self.trades.iter().filter(|trade| trade.available_at > durable).count()
            + self.books.iter().filter(|book| book.stamp() > durable).count()
            + self.imbalances.series.iter().filter(|row| row.available_at > durable).count()
            + self.coverage.log.iter().filter(|row| row.available_at > durable).count()
    }

    /// Rows held, and their size in bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        let (candles, replaced) = self.rings.iter().fold((0, 0), |(candles, replaced), ring| {
            (candles + ring.series.len(), replaced + ring.series.replaced_len())
        });
        let levels: usize = self.books.iter().map(|row| row.0.bids().len() + row.0.asks().len()).sum();
        let ids: usize = self.trades.iter().map(|trade| trade.trade_id.len()).sum();
        let (books, imbalances) = (self.books.len(), self.imbalances.series.len());
        let coverage = self.coverage.log.len() + self.coverage.base.len() + self.coverage.tip.len();
        let rows = candles + replaced + self.trades.len() + books + imbalances + coverage;
        let bytes = candles * (size_of::<Candle>() + size_of::<f64>())
            + replaced * size_of::<SupersededCandle>()
            + self.trades.len() * size_of::<Trade>()
            + ids
            + books * size_of::<BookSnapshot>()
            + levels * size_of::<BookLevel>()
            + imbalances * size_of::<Imbalances>()
            + coverage * size_of::<CoverageRow>();
        (rows as u64, bytes as u64)
    }
}
