//! What is recorded is what happened, under names that are documented, in a bounded number of series.

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use onetape_domain::message::FeedMessage;
use onetape_domain::venue::VenueRules;
use onetape_memory::{MemoryCache, MemoryStore};
use onetape_testkit::clock::ManualClock;
use onetape_testkit::generator::{Market, faults};

use super::*;
use crate::config::PipelineConfig;
use crate::pipeline::DataIngestionPipeline;

const SECOND: i64 = 1_000_000;

fn market(name: &str) -> Market {
    Market::new(name.parse().expect("instrument"), 9)
}

fn start() -> DataIngestionPipeline {
    let clock = Arc::new(ManualClock::new(market("binance:ETH/USDT").start.plus(300 * SECOND)));
    let cache = Arc::new(MemoryCache::default());
    DataIngestionPipeline::start(
        Arc::new(MemoryStore::default()),
        Some(cache),
        clock,
        PipelineConfig::default(),
    )
}

async fn feed(pipeline: &DataIngestionPipeline, messages: &[FeedMessage]) {
    for message in messages {
        pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("taken in");
    }
    pipeline.flush().await.expect("written");
}

/// What is recorded from here on.
struct Recorded {
    recorder: DebuggingRecorder,
    values: BTreeMap<String, f64>,
}

impl Recorded {
    fn new() -> Self {
        Self { recorder: DebuggingRecorder::new(), values: BTreeMap::new() }
    }

    /// Series as `name{label=value}`; every one must be in the table, of its kind and with its labels.
    fn take(&mut self, pipeline: &DataIngestionPipeline) {
        ::metrics::with_local_recorder(&self.recorder, || pipeline.inner.publish_metrics());
        for (key, _, _, value) in self.recorder.snapshotter().snapshot().into_vec() {
            let name = key.key().name();
            let about = METRICS.iter().find(|metric| metric.name == name);
            let about = about.unwrap_or_else(|| panic!("{name} is recorded and in no table"));
            let labels: Vec<&str> = key.key().labels().map(::metrics::Label::key).collect();
            assert_eq!(labels, about.labels, "labels of {name}");
            let values: Vec<&str> = key.key().labels().map(::metrics::Label::value).collect();
            let (kind, value) = match value {
                DebugValue::Counter(count) => (MetricKind::Counter, count as f64),
                DebugValue::Gauge(number) => (MetricKind::Gauge, number.into_inner()),
                DebugValue::Histogram(_) => panic!("{name} is recorded where it happens"),
            };
            assert_eq!(kind, about.kind, "{name}");
            // The recorder gives what counters grew by since it was last asked.
            let series = format!("{name}{{{}}}", values.join(","));
            let before = self.values.get(&series).copied().filter(|_| kind == MetricKind::Counter);
            self.values.insert(series, before.unwrap_or(0.0) + value);
        }
    }

    fn is(&self, series: &str, expected: f64) -> bool {
        let value =
            self.values.get(series).unwrap_or_else(|| panic!("{series} is not among {:#?}", self.values));
        (value - expected).abs() < 1e-9
    }

    fn within(&self, series: &str, range: std::ops::Range<f64>) -> bool {
        let value =
            self.values.get(series).unwrap_or_else(|| panic!("{series} is not among {:#?}", self.values));
        range.contains(value)
    }
}

#[tokio::test]
async fn a_cut_feed_shows_in_the_metrics_and_what_came_is_counted_once() {
    let market = Market { seconds: 240, ..market("binance:ETH/USDT") };
    let at = |second| market.start.plus(second * SECOND);
    let messages = faults::outage(market.messages(), at(60), at(150));
    let pipeline = start();
    let mut recorded = Recorded::new();
    recorded.take(&pipeline);
    assert!(recorded.is("onetape_messages_total{stamped}", 0.0), "a series is there before its first event");
    feed(&pipeline, &messages).await;
    recorded.take(&pipeline);
    recorded.take(&pipeline);
    let summary = pipeline.summary();
    for (series, count) in [
        ("onetape_messages_total{stamped}", summary.stamped),
        ("onetape_messages_total{redelivered}", summary.redelivered),
        ("onetape_rows_total{trades}", summary.trades),
        ("onetape_rows_total{candles}", summary.candles),
        ("onetape_rows_total{books}", summary.books),
        ("onetape_trade_gaps_total{opened}", 1),
        ("onetape_trade_gaps_total{filled}", 0),
        ("onetape_books_lost_total{}", 1),
        ("onetape_trade_gaps_open{binance:ETH/USDT}", 1),
        ("onetape_instruments{}", 1),
        ("onetape_books_in_sync{}", 1),
        ("onetape_pending_rows{}", 0),
        ("onetape_store_breaker{}", 0),
    ] {
        assert!(recorded.is(series, count as f64), "{series} is not {count}: {:#?}", recorded.values);
    }
    assert!(summary.stamped > 1_000 && summary.trades > 500);
    assert!(recorded.within("onetape_trade_gap_seconds{binance:ETH/USDT}", 89.0..92.0));
    assert!(recorded.within("onetape_trades_missing{binance:ETH/USDT}", 300.0..3_000.0));
    assert!(recorded.within("onetape_lag_seconds{binance:ETH/USDT,durable}", 59.0..61.0));
    let missing: Vec<&str> = METRICS
        .iter()
        .filter(|metric| !matches!(metric.kind, MetricKind::Histogram(_)) && metric.name != JOURNAL_BYTES)
        .map(|metric| metric.name)
        .filter(|name| !recorded.values.keys().any(|series| series.starts_with(&format!("{name}{{"))))
        .collect();
    assert_eq!(missing, [""; 0], "in the table and never recorded");
}

#[tokio::test]
async fn many_instruments_share_a_series() {
    let pipeline = start();
    for number in 0..MAX_LABELLED + 20 {
        let market = Market { seconds: 1, ..market(&format!("binance:C{number}/USDT")) };
        feed(&pipeline, &market.messages()).await;
    }
    let mut recorded = Recorded::new();
    recorded.take(&pipeline);
    recorded.take(&pipeline);
    let named = recorded.values.keys().filter(|series| series.starts_with(OPEN_GAPS)).count();
    assert_eq!(named, MAX_LABELLED + 1);
    assert!(recorded.is("onetape_instruments{}", (MAX_LABELLED + 20) as f64));
    assert!(recorded.within("onetape_lag_seconds{others,received}", 298.0..301.0));
}
