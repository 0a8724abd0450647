//! Which books are asked for, and when.

use onetape_domain::coverage::CoverageState;

use super::venue::{Socket, Venue};
use super::{Desk, config, instrument, open};
use crate::tapes::{diff, snapshot};

const DEPTH: &str = "/api/v3/depth";
const ETH: &str = "binance:ETH/USDT";
const BTC: &str = "binance:BTC/USDT";

/// A feed of two instruments whose books are in synchrony at updates 110 and 910.
async fn in_synchrony(venue: &mut Venue) -> (Desk, Socket) {
    let (feed, _) = open(config(venue), &[ETH, BTC]).await;
    let (mut desk, mut socket) = (Desk::new(feed), venue.connection().await);
    venue.answer(DEPTH, &snapshot(105));
    socket.send(&diff("ETHUSDT", 101, 110)).await;
    desk.until("the first book lives", |desk| desk.book(ETH) == Some(110)).await;
    venue.answer(DEPTH, &snapshot(905));
    socket.send(&diff("BTCUSDT", 901, 910)).await;
    desk.until("the second book lives", |desk| desk.book(BTC) == Some(910)).await;
    (desk, socket)
}

#[tokio::test]
async fn a_book_is_asked_for_once_its_diffs_come() {
    let mut venue = Venue::start().await;
    let (feed, _) = open(config(&venue), &[ETH, BTC]).await;
    let (mut desk, mut socket) = (Desk::new(feed), venue.connection().await);
    assert_eq!(
        socket.path,
        "/stream?streams=ethusdt@trade/ethusdt@depth@100ms/btcusdt@trade/btcusdt@depth@100ms"
    );
    venue.answer(DEPTH, &snapshot(105));
    socket.send(&crate::tapes::trade("BTCUSDT", 1)).await;
    socket.send(&diff("ETHUSDT", 101, 110)).await;
    desk.until("the book lives", |desk| desk.book(ETH) == Some(110)).await;
    assert_eq!(venue.asked(), ["/api/v3/depth?symbol=ETHUSDT&limit=1000"], "of the other no diff came");
}

#[tokio::test]
async fn a_broken_book_is_asked_for_again_and_the_others_are_left_alone() {
    let mut venue = Venue::start().await;
    let (mut desk, mut socket) = in_synchrony(&mut venue).await;
    venue.asked();
    venue.answer(DEPTH, &snapshot(205));
    let later = |diff: String, seconds: i64| {
        diff.replace("1723161255408", &format!("{}", 1_723_161_255_408 + seconds * 1_000))
    };
    socket.send(&later(diff("ETHUSDT", 111, 120), 2)).await;
    // Updates 121 to 200 are missing.
    socket.send(&later(diff("ETHUSDT", 201, 210), 5)).await;
    socket.send(&later(diff("BTCUSDT", 911, 920), 5)).await;
    desk.until("the book is back", |desk| desk.book(ETH) == Some(210)).await;
    desk.until("the other goes on", |desk| desk.book(BTC) == Some(920)).await;
    assert_eq!(venue.asked(), ["/api/v3/depth?symbol=ETHUSDT&limit=1000"]);
    let gaps = |name| {
        desk.changes[&instrument(name)]
            .coverage
            .iter()
            .filter(|row| row.state != CoverageState::Alive)
            .count()
    };
    assert!(gaps(ETH) > 0, "the gap is listed");
    assert_eq!(gaps(BTC), 0);
}

#[tokio::test]
async fn a_crossed_book_is_asked_for_again() {
    let mut venue = Venue::start().await;
    let (mut desk, mut socket) = in_synchrony(&mut venue).await;
    venue.answer(DEPTH, &snapshot(125));
    // A bid above the best ask.
    socket.send(&diff("ETHUSDT", 111, 120).replace("2683.80", "2700.00")).await;
    desk.until("the book is lost", |desk| desk.book(ETH).is_none()).await;
    socket.send(&diff("ETHUSDT", 121, 130)).await;
    desk.until("the book is back", |desk| desk.book(ETH) == Some(130)).await;
}

#[tokio::test]
async fn a_snapshot_that_is_too_old_is_asked_for_again() {
    let mut venue = Venue::start().await;
    let (feed, control) = open(config(&venue), &[ETH]).await;
    let (mut desk, mut socket) = (Desk::new(feed), venue.connection().await);
    venue.answer(DEPTH, &snapshot(50));
    socket.send(&diff("ETHUSDT", 101, 110)).await;
    desk.until("the old one came", |_| control.stats().snapshots >= 2).await;
    assert_eq!(desk.book(ETH), None);
    venue.answer(DEPTH, &snapshot(105));
    desk.until("the book lives", |desk| desk.book(ETH) == Some(110)).await;
}

#[tokio::test]
async fn requests_that_fail_are_made_again_and_a_limit_is_heeded() {
    let mut venue = Venue::start().await;
    let (feed, control) = open(config(&venue), &[ETH]).await;
    let (mut desk, mut socket) = (Desk::new(feed), venue.connection().await);
    venue.answer_with(DEPTH, 500, "", "");
    socket.send(&diff("ETHUSDT", 101, 110)).await;
    while control.stats().failed_snapshots < 2 {
        // Diffs go on, so the pipeline goes on asking.
        socket.send(&diff("ETHUSDT", 101, 110)).await;
        desk.step().await;
    }
    venue.answer_with(DEPTH, 429, "retry-after: 1\r\n", "");
    let before = control.stats().failed_snapshots;
    while control.stats().failed_snapshots <= before || !venue.asked().is_empty() {
        socket.send(&diff("ETHUSDT", 101, 110)).await;
        desk.step().await;
    }
    let limited = tokio::time::Instant::now();
    venue.answer(DEPTH, &snapshot(105));
    while desk.book(ETH).is_none() {
        socket.send(&diff("ETHUSDT", 101, 110)).await;
        desk.step().await;
    }
    assert!(limited.elapsed().as_millis() > 500, "asked again after {:?}", limited.elapsed());
}
