//! Metrics of live feeds, read off their counts about once a second, so that no message pays for them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use ::metrics::{counter, gauge};
use onetape_domain::time::Timestamp;
use onetape_ports::metric::MetricInfo;
use tokio::sync::mpsc;

use super::feed::Item;
use super::shard::Shared;
use super::stats::LiveStats;

/// How often what a feed counts is made known.
const INTERVAL: Duration = Duration::from_secs(1);

const CONNECTIONS: &str = "onetape_feed_connections";
const WANTED: &str = "onetape_feed_connections_wanted";
const ATTEMPTS: &str = "onetape_feed_connection_attempts_total";
const LOST: &str = "onetape_feed_connections_lost_total";
const RENEWED: &str = "onetape_feed_connections_renewed_total";
const MESSAGES: &str = "onetape_feed_messages_total";
const BYTES: &str = "onetape_feed_bytes_total";
const SNAPSHOTS: &str = "onetape_feed_snapshots_total";
const QUEUED: &str = "onetape_feed_queued";
const SILENCE: &str = "onetape_feed_silence_seconds";
const RECORDING_FAILED: &str = "onetape_feed_recording_failed";

/// What live feeds record, each under the name of its market, such as `binance-spot`.
pub const METRICS: &[MetricInfo] = &[
    MetricInfo::gauge(CONNECTIONS, "connections", &["feed"], "connections that are up"),
    MetricInfo::gauge(WANTED, "connections", &["feed"], "connections that the feed keeps up"),
    MetricInfo::counter(ATTEMPTS, "attempts", &["feed"], "attempts to connect"),
    MetricInfo::counter(
        LOST,
        "connections",
        &["feed"],
        "connections that were lost, or replaced for their silence",
    ),
    MetricInfo::counter(
        RENEWED,
        "connections",
        &["feed"],
        "connections that followed one of great age, before the venue cut it",
    ),
    MetricInfo::counter(MESSAGES, "messages", &["feed"], "messages received"),
    MetricInfo::counter(BYTES, "bytes", &["feed"], "bytes received in messages and whole books"),
    MetricInfo::counter(
        SNAPSHOTS,
        "books",
        &["feed", "outcome"],
        "whole books asked for: `received`, or `failed` and asked for again",
    ),
    MetricInfo::gauge(
        QUEUED,
        "messages",
        &["feed"],
        "messages received that wait to be taken in; the sockets wait when the queue is full",
    ),
    MetricInfo::gauge(
        SILENCE,
        "seconds",
        &["feed"],
        "time since anything was received; absent before the first message",
    ),
    MetricInfo::gauge(
        RECORDING_FAILED,
        "state",
        &["feed"],
        "1 after a recording that could not be written on; collecting goes on without it",
    ),
];

/// Makes known what a feed counts until nobody has it any more.
pub(super) async fn publish_until_gone(name: String, feed: Weak<Shared>, queue: mpsc::WeakSender<Item>) {
    let mut before = LiveStats::default();
    while let Some(shared) = feed.upgrade() {
        let now = shared.counters.read();
        let queued = queue.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity());
        let silence = (now.last_received > 0)
            .then(|| shared.clock.now().since(Timestamp::from_micros(now.last_received)));
        record(&name, &before, &now, queued, silence);
        before = now;
        drop::<Arc<Shared>>(shared);
        tokio::time::sleep(INTERVAL).await;
    }
    let over = LiveStats { connected: 0, shards: 0, ..before };
    record(&name, &before, &over, 0, None);
}

/// Records what came since; `silence` is in microseconds.
fn record(name: &str, before: &LiveStats, now: &LiveStats, queued: usize, silence: Option<i64>) {
    let count = |metric: &'static str, of: fn(&LiveStats) -> u64| {
        counter!(metric, "feed" => name.to_owned()).increment(of(now).saturating_sub(of(before)));
    };
    count(ATTEMPTS, |stats| stats.attempts);
    count(LOST, |stats| stats.lost);
    count(RENEWED, |stats| stats.renewed);
    count(MESSAGES, |stats| stats.messages);
    count(BYTES, |stats| stats.bytes);
    for (outcome, now, before) in [
        ("received", now.snapshots, before.snapshots),
        ("failed", now.failed_snapshots, before.failed_snapshots),
    ] {
        let books = counter!(SNAPSHOTS, "feed" => name.to_owned(), "outcome" => outcome);
        books.increment(now.saturating_sub(before));
    }
    let set = |metric: &'static str, value: f64| gauge!(metric, "feed" => name.to_owned()).set(value);
    set(CONNECTIONS, now.connected as f64);
    set(WANTED, now.shards as f64);
    set(QUEUED, queued as f64);
    set(RECORDING_FAILED, f64::from(u8::from(now.recording_failed)));
    if let Some(silence) = silence {
        set(SILENCE, silence.max(0) as f64 / 1e6);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ::metrics::Label;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;

    #[test]
    fn what_is_recorded_is_documented_and_only_what_came_since_is_added() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let first = LiveStats {
            connected: 2,
            shards: 3,
            attempts: 4,
            lost: 1,
            messages: 100,
            bytes: 9_000,
            snapshots: 2,
            failed_snapshots: 1,
            ..LiveStats::default()
        };
        let second = LiveStats { connected: 3, messages: 150, renewed: 1, recording_failed: true, ..first };
        ::metrics::with_local_recorder(&recorder, || {
            record("binance-spot", &LiveStats::default(), &first, 7, None);
            record("binance-spot", &first, &second, 0, Some(2_500_000));
        });
        let mut values = BTreeMap::new();
        let mut names = BTreeSet::new();
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            let (name, labels) = (key.key().name(), key.key().labels());
            let about = METRICS.iter().find(|metric| metric.name == name);
            let about = about.unwrap_or_else(|| panic!("{name} is recorded and in no table"));
            assert_eq!(labels.map(Label::key).collect::<Vec<_>>(), about.labels, "labels of {name}");
            names.insert(about.name);
            let outcome = key.key().labels().nth(1).map_or("", Label::value).to_owned();
            let value = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => panic!("{name} is no histogram"),
            };
            values.insert((about.name, outcome), value);
        }
        assert_eq!(names.len(), METRICS.len(), "all of the table is recorded");
        let value = |name, outcome: &str| values[&(name, outcome.to_owned())];
        assert_eq!((value(CONNECTIONS, ""), value(WANTED, "")), (3.0, 3.0));
        assert_eq!((value(ATTEMPTS, ""), value(LOST, ""), value(RENEWED, "")), (4.0, 1.0, 1.0));
        assert_eq!((value(MESSAGES, ""), value(BYTES, "")), (150.0, 9_000.0));
        assert_eq!((value(SNAPSHOTS, "received"), value(SNAPSHOTS, "failed")), (2.0, 1.0));
        assert_eq!((value(QUEUED, ""), value(SILENCE, ""), value(RECORDING_FAILED, "")), (0.0, 2.5, 1.0));
    }
}
