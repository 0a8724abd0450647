//! What is recorded is what was delivered.

use onetape_exchanges::live::{LiveConfig, LiveError, LiveFeed};

use super::venue::Venue;
use super::{Desk, clock, config, instrument, open};
use crate::tapes::{diff, folder, read, snapshot, trade};

const ETH: &str = "binance:ETH/USDT";

#[tokio::test]
async fn a_recording_delivers_the_same_messages_again() {
    let (mut venue, folder) = (Venue::start().await, folder());
    let record = Some(folder.path().join("tapes"));
    let (feed, control) = open(LiveConfig { record, ..config(&venue) }, &[ETH]).await;
    let mut desk = Desk::new(feed);
    venue.answer("/api/v3/depth", &snapshot(105));
    let mut socket = venue.connection().await;
    socket.send(&diff("ETHUSDT", 101, 110)).await;
    desk.until("the book lives", |desk| desk.book(ETH) == Some(110)).await;
    drop(socket);
    let mut socket = venue.connection().await;
    socket.stream_text("{\n\"no\": \"message\"}").await;
    socket.send(&trade("ETHUSDT", 1)).await;
    desk.until("a trade came", |desk| desk.trades() == [1]).await;
    control.stop();
    while desk.step().await {}
    let entries = std::fs::read_dir(folder.path().join("tapes")).expect("a folder");
    let again = read(entries.map(|entry| entry.expect("an entry").path()).collect()).await;
    assert_eq!(again.messages, desk.messages);
    assert_eq!(again.messages.len(), 3);
    assert!(again.messages[0].connection < again.messages[2].connection, "two connections");
    assert_eq!((again.quarantined.len(), desk.quarantined.len()), (1, 1));
    assert_eq!(again.quarantined[0].violations, desk.quarantined[0].violations);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_refused_at_once() {
    let (venue, folder) = (Venue::start().await, folder());
    let file = crate::tapes::write(folder.path(), "file", "");
    let config = LiveConfig { record: Some(file), ..config(&venue) };
    let error = LiveFeed::open(config, &[instrument(ETH)], clock()).await.expect_err("refused");
    assert!(matches!(error, LiveError::Recording { .. }), "{error:?}");
}
