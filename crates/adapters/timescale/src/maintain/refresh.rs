//! Refreshing the aggregates: everything touched since the last time, wherever its seconds are still there.
//!
//! A refresh over dropped seconds deletes the aggregate, so windows are made of the chunks that exist. The server
//! recomputes only the buckets of a window that were touched.

use onetape_domain::time::{TimeRange, Timestamp};
use onetape_ports::StoreError;
use sqlx::types::Json;

use super::{RefreshedAggregate, Run};
use crate::error::failed;
use crate::layout::BUCKETS_PER_BATCH;
use crate::micros::Micros;
use crate::settings::Period;
use crate::tables::{AGGREGATES, Aggregate};

/// Longest window of one call, in days: bounds what one transaction recomputes where the server cannot split it.
const LONGEST_DAYS: i64 = 31;
/// First version whose manual refresh splits its work, and by ten buckets unless told otherwise. Until 2.29 that
/// could leave the last bucket out (timescaledb's issue 10221), so it is turned off there.
const BATCHES_SINCE: (u32, u32) = (2, 28);
const BATCHES_WHOLE_SINCE: (u32, u32) = (2, 29);

impl Run<'_> {
    pub(super) async fn refresh(&mut self) -> Result<Vec<RefreshedAggregate>, StoreError> {
        let windows = self.windows().await?;
        let mut refreshed = Vec::new();
        for aggregate in &AGGREGATES {
            let start = self.clock.monotonic_micros();
            let mut count = 0;
            for window in &windows {
                let Some(window) = whole_buckets(*window, aggregate) else { continue };
                self.refresh_window(aggregate, window).await?;
                count += 1;
            }
            let duration_ms = self.millis_since(start);
            tracing::info!(
                aggregate.name = aggregate.name,
                refresh.windows = count,
                duration_ms,
                "refreshed"
            );
            refreshed.push(RefreshedAggregate {
                aggregate: aggregate.name.to_owned(),
                windows: count,
                duration_ms,
            });
        }
        Ok(refreshed)
    }

    /// Refreshes an aggregate, and those it is made of, in one window.
    pub(super) async fn refresh_up_to(
        &mut self,
        aggregate: &Aggregate,
        window: TimeRange,
    ) -> Result<(), StoreError> {
        for finer in AGGREGATES.iter().take_while(|finer| finer.timeframe <= aggregate.timeframe) {
            self.refresh_window(finer, window).await?;
        }
        Ok(())
    }

    async fn refresh_window(&mut self, aggregate: &Aggregate, window: TimeRange) -> Result<(), StoreError> {
        let batches = (self.version >= BATCHES_SINCE).then(|| {
            let buckets = if self.version >= BATCHES_WHOLE_SINCE { BUCKETS_PER_BATCH } else { 0 };
            Json(serde_json::json!({ "buckets_per_batch": buckets }))
        });
        let sql = match batches {
            Some(_) => include_str!("../queries/maintain/refresh_in_batches.sql"),
            None => include_str!("../queries/maintain/refresh.sql"),
        };
        let mut call =
            sqlx::query(sql).bind(aggregate.name).bind(Micros(window.start())).bind(Micros(window.end()));
        if let Some(batches) = batches {
            call = call.bind(batches);
        }
        call.execute(&mut self.connection).await.map(drop).map_err(failed("refresh an aggregate"))
    }

    /// Where seconds are, up to the age at which the settings' refresh stops.
    pub(super) async fn windows(&mut self) -> Result<Vec<TimeRange>, StoreError> {
        let end = self.before(self.settings.refresh().until);
        let chunks = self.chunks("ohlcv_1s").await?;
        let ranges = chunks.iter().map(|chunk| (chunk.start, chunk.end.min(end)));
        Ok(joined(ranges))
    }
}

/// Ranges that touch become one, up to the longest.
fn joined(ranges: impl Iterator<Item = (Timestamp, Timestamp)>) -> Vec<TimeRange> {
    let longest = LONGEST_DAYS * Period::DAY.micros();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in ranges.filter(|(start, end)| start < end) {
        match joined.last_mut() {
            Some(last) if last.1 == start && end.since(last.0) <= longest => last.1 = end,
            _ => joined.push((start, end)),
        }
    }
    joined.into_iter().filter_map(|(start, end)| TimeRange::try_new(start, end).ok()).collect()
}

/// The buckets that lie in a window as a whole; none where there is no such bucket.
pub(super) fn whole_buckets(window: TimeRange, aggregate: &Aggregate) -> Option<TimeRange> {
    let timeframe = aggregate.timeframe;
    let first = timeframe.open_time(window.start().plus(timeframe.micros() - 1));
    let end = timeframe.open_time(window.end());
    if first < end { TimeRange::try_new(first, end).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: i64) -> Timestamp {
        Timestamp::from_micros((20_000 + days) * Period::DAY.micros())
    }

    #[test]
    fn chunks_that_touch_are_one_window_and_holes_are_left_out() {
        let days = [0, 1, 2, 5, 6].map(|start| (day(start), day(start + 1)));
        let windows = joined(days.into_iter().chain([(day(7), day(7))]));
        assert_eq!(windows, [(0, 3), (5, 7)].map(|(a, b)| TimeRange::try_new(day(a), day(b)).unwrap()));
        let long = joined((0..70).map(|start| (day(start), day(start + 1))));
        assert_eq!(
            long.iter().map(|w| w.end().since(w.start()) / Period::DAY.micros()).collect::<Vec<_>>(),
            [31, 31, 8]
        );
    }

    #[test]
    fn only_whole_buckets_are_refreshed() {
        let window = TimeRange::try_new(day(0), day(1).plus(90_000_000)).unwrap();
        let whole = |aggregate: &Aggregate| whole_buckets(window, aggregate).map(TimeRange::end);
        assert_eq!(whole(&AGGREGATES[0]), Some(day(1).plus(60_000_000)));
        assert_eq!(whole(&AGGREGATES[4]), Some(day(1)));
        let short = TimeRange::try_new(day(0).plus(1), day(1)).unwrap();
        assert_eq!(whole_buckets(short, &AGGREGATES[4]), None);
    }
}
