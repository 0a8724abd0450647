//! Connections that are lost, silent, old or held back.

use std::time::Duration;

use onetape_exchanges::live::{LiveConfig, Timing};
use onetape_ports::Feed;
use tokio_tungstenite::tungstenite::Message;

use super::venue::Venue;
use super::{Desk, TIMING, config, open};
use crate::tapes::{drain, trade};

const ETH: &str = "binance:ETH/USDT";

#[tokio::test]
async fn each_attempt_is_a_connection_of_its_own() {
    let mut venue = Venue::start().await;
    let (feed, control) = open(config(&venue), &[ETH]).await;
    let mut desk = Desk::new(feed);
    for id in 1..4 {
        let mut socket = venue.connection().await;
        socket.send(&trade("ETHUSDT", id)).await;
        desk.until("it came", |desk| desk.trades().last() == Some(&id)).await;
    }
    let mut connections: Vec<u32> = desk.messages.iter().map(|message| message.connection).collect();
    connections.dedup();
    assert_eq!(connections.len(), 3);
    assert!(connections.is_sorted(), "{connections:?}");
    let now = 1_723_161_255;
    assert!(connections[0] >= now, "{connections:?} must not be those of an earlier run");
    assert_eq!((control.stats().attempts >= 3, control.stats().lost), (true, 2));
}

#[tokio::test]
async fn a_silent_connection_is_pinged_then_replaced() {
    let mut venue = Venue::start().await;
    let timing = Timing { idle: Duration::from_millis(200), ..TIMING };
    let (feed, control) = open(LiveConfig { timing, ..config(&venue) }, &[ETH]).await;
    let mut desk = Desk::new(feed);
    let mut silent = venue.connection().await;
    // Reading would answer the ping: this one takes it off the wire, and says nothing.
    let mut bytes = [0_u8; 6];
    tokio::io::AsyncReadExt::read_exact(silent.stream.get_mut(), &mut bytes).await.expect("a ping");
    assert_eq!(bytes[0], 0x89, "a ping");
    let mut next = venue.connection().await;
    next.send(&trade("ETHUSDT", 1)).await;
    desk.until("it came", |desk| desk.trades() == [1]).await;
    assert_eq!(control.stats().lost, 1);
}

#[tokio::test]
async fn one_that_answers_pings_is_kept_until_it_is_quiet_for_too_long() {
    let mut venue = Venue::start().await;
    let timing = Timing { idle: Duration::from_millis(400), quiet: Duration::from_millis(1_000), ..TIMING };
    let (feed, control) = open(LiveConfig { timing, ..config(&venue) }, &[ETH]).await;
    let mut quiet = venue.connection().await;
    let mut pings = 0;
    while let Some(message) = quiet.heard().await {
        pings += usize::from(matches!(message, Message::Ping(_)));
    }
    assert!(pings >= 3, "{pings} pings were answered");
    venue.connection().await;
    assert_eq!(control.stats().lost, 1);
    drop(feed);
}

#[tokio::test]
async fn an_old_connection_is_kept_until_its_successor_delivers_and_nothing_is_doubled() {
    let mut venue = Venue::start().await;
    let timing =
        Timing { lifetime: Duration::from_millis(300), overlap: Duration::from_millis(500), ..TIMING };
    let (feed, control) = open(LiveConfig { timing, ..config(&venue) }, &[ETH]).await;
    let mut desk = Desk::new(feed);
    let mut old = venue.connection().await;
    old.send(&trade("ETHUSDT", 1)).await;
    let mut new = venue.connection().await;
    // The successor says nothing yet: the old one is still read.
    old.send(&trade("ETHUSDT", 2)).await;
    desk.until("the old one delivers", |desk| desk.trades() == [1, 2]).await;
    for id in 2..4 {
        new.send(&trade("ETHUSDT", id)).await;
        old.send(&trade("ETHUSDT", id + 1)).await;
    }
    while let Some(message) = old.heard().await {
        assert!(matches!(message, Message::Close(_)), "{message:?}");
    }
    new.send(&trade("ETHUSDT", 4)).await;
    new.send(&trade("ETHUSDT", 5)).await;
    desk.until("the new one goes on", |desk| desk.trades().last() == Some(&5)).await;
    let stored: Vec<i64> =
        desk.changes[&super::instrument(ETH)].trades.iter().map(|trade| trade.key.sequence).collect();
    let mut once = stored.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((once, stored.len()), (vec![1, 2, 3, 4, 5], 5), "{:?}", desk.trades());
    assert!(desk.trades().len() > 5, "some came twice: {:?}", desk.trades());
    assert_eq!((control.stats().renewed, control.stats().lost), (1, 0));
}

#[tokio::test]
async fn an_orderly_stop_delivers_what_was_received_and_says_goodbye() {
    let mut venue = Venue::start().await;
    let (mut feed, control) = open(config(&venue), &[ETH]).await;
    let mut socket = venue.connection().await;
    for id in 0..50 {
        socket.send(&trade("ETHUSDT", id)).await;
    }
    while control.stats().messages < 50 {
        tokio::task::yield_now().await;
    }
    control.stop();
    let delivered = drain(&mut feed, 7).await;
    assert_eq!((delivered.messages.len(), delivered.quarantined.len()), (50, 0));
    assert!(matches!(socket.heard().await, Some(Message::Close(_))));
    assert_eq!(control.stats().connected, 0);
}

#[tokio::test]
async fn what_the_pipeline_does_not_take_stays_in_the_socket_and_nothing_is_lost() {
    const COUNT: i64 = 20_000;
    const QUEUE: usize = 4;
    let mut venue = Venue::start().await;
    let (mut feed, control) = open(LiveConfig { queue: QUEUE, ..config(&venue) }, &[ETH]).await;
    let mut socket = venue.connection().await;
    let padding = "x".repeat(4_000);
    let sending = tokio::spawn(async move {
        for id in 0..COUNT {
            socket.send(&trade("ETHUSDT", id).replace("\"M\"", &format!("\"{padding}\""))).await;
        }
        socket
    });
    // One more than fits is in the hand of the task that waits for room.
    while control.stats().messages <= QUEUE as u64 {
        tokio::task::yield_now().await;
    }
    assert!(!sending.is_finished(), "80 MB do not fit into the system's buffers");
    let (mut events, mut ids) = (Vec::new(), Vec::new());
    while ids.len() < COUNT as usize {
        // Half of the calls are dropped as soon as they would wait.
        let dropped = futures::poll!(std::pin::pin!(feed.next_batch(&mut events, 3))).is_pending();
        if dropped && ids.len() % 2 == 0 {
            feed.next_batch(&mut events, 3).await.expect("a feed");
        }
        tokio::task::yield_now().await;
        ids.extend(events.drain(..).map(|event| match event {
            onetape_ports::FeedEvent::Message(message) => message,
            onetape_ports::FeedEvent::Quarantined(record) => panic!("{record:?}"),
        }));
        assert!(control.stats().messages <= (ids.len() + QUEUE + 1) as u64, "the queue is bounded");
    }
    let mut desk = Desk::new(feed);
    ids.into_iter().for_each(|message| desk.process(message));
    assert_eq!(desk.trades(), (0..COUNT).collect::<Vec<_>>());
    sending.await.expect("all was sent");
}

#[tokio::test]
async fn messages_that_make_no_sense_are_put_aside_and_the_connection_goes_on() {
    let mut venue = Venue::start().await;
    let (feed, control) = open(config(&venue), &[ETH]).await;
    let (mut desk, mut socket) = (Desk::new(feed), venue.connection().await);
    for text in ["{", "[1]", "{\"e\":\"never heard of\",\"s\":\"ETHUSDT\"}"] {
        socket.stream_text(text).await;
    }
    socket.send(&trade("ETHUSDT", 1).replace("2683.81", "-1")).await;
    socket.send("{\"result\":null,\"id\":1}").await;
    socket.send(&trade("ETHUSDT", 2)).await;
    desk.until("the good one came", |desk| desk.trades() == [2]).await;
    assert_eq!(desk.quarantined.len(), 4, "{:?}", desk.quarantined);
    let last = &desk.quarantined[3];
    assert!(last.origin.starts_with("binance spot live, connection "), "{}", last.origin);
    assert_eq!(last.instrument, Some(super::instrument(ETH)));
    assert!(last.received_at.is_some());
    assert_eq!(control.stats().lost, 0);
}
