//! Books that do not say whose they are.

use onetape_domain::message::Payload;

use crate::tapes::{Delivered, START, diff, lines, read_bytes, snapshot, trade};

async fn play(messages: &[String]) -> Delivered {
    read_bytes("tape", lines(messages)).await
}

fn owners(delivered: &Delivered) -> Vec<String> {
    let books =
        delivered.messages.iter().filter(|message| matches!(message.payload, Payload::BookSnapshot(_)));
    books.map(|message| message.instrument.to_string()).collect()
}

#[tokio::test]
async fn a_book_belongs_to_the_only_instrument() {
    let delivered = play(&[trade("ETHUSDT", 1), snapshot(7), trade("ETHUSDT", 2)]).await;
    assert_eq!(owners(&delivered), ["binance:ETH/USDT"]);
    assert!(matches!(delivered.messages[1].payload, Payload::BookSnapshot(_)), "in its place");
}

#[tokio::test]
async fn a_book_before_any_other_message_waits_for_it() {
    let delivered = play(&[snapshot(7), snapshot(8), trade("ETHUSDT", 1)]).await;
    assert_eq!(owners(&delivered), ["binance:ETH/USDT", "binance:ETH/USDT"]);
    assert!(matches!(delivered.messages[2].payload, Payload::Trades(_)), "the book comes first");
    assert_eq!(delivered.messages[0].received_at.micros() * 1_000, START, "with the time of its line");
}

#[tokio::test]
async fn among_several_a_book_belongs_to_the_one_whose_diffs_hold_it() {
    let messages = [diff("ETHUSDT", 100, 110), diff("BTCUSDT", 900, 910), snapshot(905), snapshot(100)];
    assert_eq!(owners(&play(&messages).await), ["binance:BTC/USDT", "binance:ETH/USDT"]);
}

#[tokio::test]
async fn a_book_ahead_of_the_diffs_waits_for_them() {
    let messages =
        [diff("ETHUSDT", 100, 110), diff("BTCUSDT", 900, 910), snapshot(915), diff("BTCUSDT", 911, 920)];
    let delivered = play(&messages).await;
    assert_eq!(owners(&delivered), ["binance:BTC/USDT"]);
    assert!(delivered.quarantined.is_empty(), "{:?}", delivered.reasons());
}

#[tokio::test]
async fn a_book_two_could_claim_is_ambiguous() {
    let delivered = play(&[diff("ETHUSDT", 100, 110), diff("BTCUSDT", 105, 120), snapshot(107)]).await;
    assert_eq!(owners(&delivered), [""; 0]);
    assert!(
        delivered.reasons()[0].contains("in the diffs of more than one instrument"),
        "{:?}",
        delivered.reasons()
    );
    assert_eq!(delivered.quarantined[0].origin, "tape:3");
}

#[tokio::test]
async fn a_book_nobody_claims_is_quarantined_after_a_while_or_at_the_end() {
    let mut messages = vec![diff("ETHUSDT", 100, 110), diff("BTCUSDT", 900, 910), snapshot(7)];
    let delivered = play(&messages).await;
    assert!(
        delivered.reasons()[0].contains("belongs to no instrument the tape names"),
        "{:?}",
        delivered.reasons()
    );
    messages.extend((0..12).map(|id| trade("ETHUSDT", id)));
    let delivered = play(&messages).await;
    assert!(
        delivered.reasons()[0].contains("lies in the diffs of no instrument"),
        "{:?}",
        delivered.reasons()
    );
    let delivered = play(&[snapshot(7)]).await;
    assert_eq!((delivered.messages.len(), delivered.quarantined.len()), (0, 1));
}

#[tokio::test]
async fn the_number_of_waiting_books_is_bounded() {
    let messages: Vec<String> = (0..70).map(snapshot).chain([trade("ETHUSDT", 1)]).collect();
    let delivered = play(&messages).await;
    assert_eq!(owners(&delivered).len(), 64);
    assert_eq!(delivered.quarantined.len(), 6);
    assert!(delivered.reasons()[0].contains("with too many others"), "{:?}", delivered.reasons());
}
