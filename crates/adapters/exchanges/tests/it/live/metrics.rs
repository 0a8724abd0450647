//! What an operator sees of connections.

use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::venue::Venue;
use super::{Desk, PATIENCE, config, open};

const ETH: &str = "binance:ETH/USDT";

#[tokio::test]
async fn a_lost_connection_shows_and_a_feed_that_is_gone_has_none() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // Everything of this test runs on its own thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (mut lost, mut connected) = (0, f64::NAN);
    let mut look = move || {
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            match (key.key().name(), value) {
                ("onetape_feed_connections_lost_total", DebugValue::Counter(count)) => lost += count,
                ("onetape_feed_connections", DebugValue::Gauge(value)) => connected = value.into_inner(),
                _ => {}
            }
        }
        (lost, connected)
    };
    let mut venue = Venue::start().await;
    let (feed, control) = open(config(&venue), &[ETH]).await;
    let mut desk = Desk::new(feed);
    drop(venue.connection().await);
    let mut socket = venue.connection().await;
    socket.send(&crate::tapes::trade("ETHUSDT", 1)).await;
    desk.until("the next connection brings a trade", |_| control.stats().messages > 0).await;
    shown(&mut look, (1, 1.0)).await;
    drop((desk, control, socket));
    shown(&mut look, (1, 0.0)).await;
}

/// Waits until so many connections were lost and so many are up.
async fn shown(look: &mut impl FnMut() -> (u64, f64), wanted: (u64, f64)) {
    let seen = async {
        while look() != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("shown");
}
