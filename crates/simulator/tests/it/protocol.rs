//! Streams as the venue sends them, and the truth behind them.

use futures::{SinkExt as _, StreamExt as _};
use onetape_domain::engine::local_book::{Fit, LocalBook};
use onetape_domain::instrument::Market;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::trade::TradeEvent;
use onetape_ports::WallClock as _;
use onetape_simulator::script::Sent;
use onetape_simulator::{Script, Simulator};
use onetape_testkit::generator;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Socket, book, connect, instrument, messages, spot, texts, trade_ids};

fn events(messages: &[FeedMessage]) -> Vec<&TradeEvent> {
    let trades = messages.iter().filter_map(|message| match &message.payload {
        Payload::Trades(events) => Some(events),
        _ => None,
    });
    trades.flatten().collect()
}

fn truth(sent: &[Sent<TradeEvent>]) -> Vec<&TradeEvent> {
    sent.iter().map(|sent| &sent.what).collect()
}

/// The book that a client of the diffs arrives at from a snapshot.
fn follow(
    script: &Script,
    snapshot: &onetape_domain::message::FullBook,
    messages: &[FeedMessage],
) -> LocalBook {
    let mut book = LocalBook::new(script.rules().book_rule);
    book.seed(snapshot);
    for message in messages {
        let Payload::BookDiff(diff) = &message.payload else { continue };
        match book.fit(diff) {
            Fit::Connects => book.apply(diff),
            Fit::Stale => {}
            fit => panic!("{fit:?} after {}", book.last_update()),
        }
    }
    book
}

async fn everything_of(name: &str, market: Market, native: &str) {
    let generated = generator::Market { seconds: 30, ..generator::Market::new(instrument(name), 3) };
    let simulator =
        Simulator::builder().market(&generated).speed(60).begin_with(3).start().await.expect("started");
    let path = format!("/stream?streams={native}@trade/{native}@aggTrade/{native}@depth@100ms");
    let mut socket = connect(&simulator.ws_url(market), &path).await;
    let script = simulator.truth(&instrument(name));
    // A snapshot from within the market: after its first diffs, before its last ones.
    simulator.clock().wait_until(script.diffs()[20].at).await;
    let prefix = match market {
        Market::Spot => "/api/v3",
        Market::Usdm => "/fapi/v1",
        Market::Coinm => "/dapi/v1",
    };
    let depth = format!("{prefix}/depth?symbol={}&limit=1000", script.native());
    let snapshot = book(&simulator.rest_url(market), &depth, market).await;
    let (texts, end) = texts(&simulator, &mut socket).await;
    assert!(end.is_none(), "{end:?}");
    let messages = messages(market, &texts);
    assert_eq!(messages.len(), texts.len(), "the parser of the venue reads them all");

    let (singles, aggregates): (Vec<_>, Vec<_>) =
        events(&messages).into_iter().partition(|event| event.aggregate().is_none());
    assert!(singles.len() > 200, "{} trades", singles.len());
    assert_eq!(singles, truth(script.trades()));
    assert_eq!(aggregates, truth(script.aggregates()));
    let diffs = messages.iter().filter_map(|message| match &message.payload {
        Payload::BookDiff(diff) => Some(diff.last_update),
        _ => None,
    });
    let diffs: Vec<u64> = diffs.collect();
    assert_eq!(diffs, script.diffs().iter().map(|diff| diff.what.last_update).collect::<Vec<_>>());
    let known = diffs.iter().filter(|update| **update <= snapshot.last_update).count();
    assert!((20..diffs.len()).contains(&known), "the snapshot is after diff {known} of {}", diffs.len());
    let last = *diffs.last().expect("diffs");
    let followed = follow(script, &snapshot, &messages);
    assert_eq!(followed.to_full(), script.book_at(last).expect("a true book").to_full());
    assert!(!followed.is_crossed());
    let report = simulator.report();
    assert!(report.breaches.is_empty() && report.injected.iter().next().is_none(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_everything_of_spot_has_the_truth() {
    everything_of("binance:ETH/USDT", Market::Spot, "ethusdt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_everything_of_usdm_has_the_truth() {
    everything_of("binance:ETH/USDT:USDT", Market::Usdm, "ethusdt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_everything_of_coinm_has_the_truth() {
    everything_of("binance:ETH/USD:ETH", Market::Coinm, "ethusd_perp").await;
}

#[test]
fn aggregates_are_the_trades_of_one_order_at_one_price() {
    let market = generator::Market { seconds: 60, ..spot(5) };
    let script = Script::of_messages(&market.messages());
    let mut ids = script.trades().iter().map(|sent| &sent.what).map(|event| match event.id() {
        onetape_domain::trade::TradeId::Numeric(id) => *id,
        other => panic!("{other:?}"),
    });
    for aggregate in script.aggregates() {
        let named = aggregate.what.aggregate().expect("an aggregate");
        for id in named.first..=named.last {
            assert_eq!(ids.next(), Some(id), "each trade is in one aggregate, in order");
        }
    }
    assert_eq!(ids.next(), None);
}

async fn ask(socket: &mut Socket, request: Value) -> Value {
    socket.send(Message::text(request.to_string())).await.expect("sent");
    loop {
        match socket.next().await.expect("open").expect("a message") {
            Message::Text(text) => {
                let answer: Value = serde_json::from_str(&text).expect("json");
                if answer.get("e").is_none() {
                    return answer;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_can_be_subscribed_one_by_one() {
    let simulator =
        Simulator::builder().market(&spot(1)).speed(20).begin_with(2).start().await.expect("started");
    let mut socket = connect(&simulator.ws_url(Market::Spot), "/ws").await;
    let answer =
        ask(&mut socket, json!({ "method": "SUBSCRIBE", "params": ["ethusdt@trade"], "id": 1 })).await;
    assert_eq!(answer, json!({ "result": null, "id": 1 }));
    let before = simulator.clock().now();
    let answer = ask(&mut socket, json!({ "method": "FOLLOW", "id": 2 })).await;
    assert_eq!(answer["error"]["code"], 2);
    assert_eq!(simulator.clock().now(), before, "the market waits for its second stream");
    let streams = ["ethusdt@depth@100ms", "nobody@trade"];
    ask(&mut socket, json!({ "method": "SUBSCRIBE", "params": streams, "id": 3 })).await;
    let answer = ask(&mut socket, json!({ "method": "LIST_SUBSCRIPTIONS", "id": 4 })).await;
    assert_eq!(answer["result"], json!(["ethusdt@depth@100ms", "ethusdt@trade", "nobody@trade"]));
    ask(&mut socket, json!({ "method": "UNSUBSCRIBE", "params": ["ethusdt@trade"], "id": 5 })).await;
    let (texts, _) = texts(&simulator, &mut socket).await;
    let script = simulator.truth(&instrument("binance:ETH/USDT"));
    let received = messages(Market::Spot, &texts);
    assert!(received.len() + 20 > script.diffs().len(), "{} of {}", received.len(), script.diffs().len());
    assert!(trade_ids(&received).is_empty(), "nothing of what is not wanted any more");
    assert!(texts.iter().all(|text| text.starts_with("{\"e\":")), "no envelope was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_are_sent_and_answered_and_too_many_frames_end_a_connection() {
    let pinged = std::time::Duration::from_millis(20);
    let market = spot(1);
    let simulator = Simulator::builder().market(&market).ping_every(pinged).start().await.expect("started");
    let mut socket = connect(&simulator.ws_url(Market::Spot), "/ws").await;
    let first = socket.next().await.expect("open").expect("a frame");
    assert!(matches!(first, Message::Ping(_)), "{first:?}");
    socket.send(Message::Ping("mine".into())).await.expect("sent");
    loop {
        match socket.next().await.expect("open").expect("a frame") {
            Message::Pong(text) => break assert_eq!(text, "mine"),
            other => assert!(matches!(other, Message::Ping(_)), "{other:?}"),
        }
    }
    // Each ping of the simulator is answered by a frame, which is soon too many.
    let end = loop {
        match socket.next().await.expect("open").expect("a frame") {
            Message::Close(end) => break end.expect("a reason"),
            other => assert!(matches!(other, Message::Ping(_)), "{other:?}"),
        }
    };
    assert_eq!(end.reason, "Too many requests");
    let report = simulator.report();
    assert!(report.served("pongs received") >= 2 && report.served("pings received") == 1, "{report}");
    assert_eq!(report.breaches, ["more than 5 frames were sent in a second"]);
}
