//! Faults: each is there, counted, and the same for the same seed.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use onetape_domain::instrument::Market;
use onetape_domain::message::Payload;
use onetape_simulator::faults::{Event, Incident};
use onetape_simulator::{Fault, Faults, Simulator, Stream};
use onetape_testkit::generator;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::client::{connect, instrument, messages, parsed, spot, texts, trade_ids};

const PATH: &str = "/stream?streams=ethusdt@trade/ethusdt@depth@100ms";

async fn run(market: &generator::Market, faults: Faults) -> (Simulator, Vec<String>) {
    let builder = Simulator::builder().market(market).speed(60).begin_with(2).faults(faults);
    let simulator = builder.start().await.expect("started");
    let mut socket = connect(&simulator.ws_url(Market::Spot), PATH).await;
    let (texts, end) = texts(&simulator, &mut socket).await;
    assert!(end.is_none(), "{end:?}");
    (simulator, texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_lost_repeated_overtaken_and_spoiled() {
    let market = generator::Market { seconds: 60, ..spot(2) };
    let faults = Faults {
        seed: 7,
        dropped: 200,
        repeated: 200,
        delayed: 200,
        malformed: 200,
        unknown: 200,
        crossed: 200,
        ..Faults::default()
    };
    let (simulator, received) = run(&market, faults.clone()).await;
    let injected = simulator.report().injected;
    let count = |fault| usize::try_from(injected.count(fault)).expect("few");
    let script = simulator.truth(&market.instrument);
    for fault in
        [Fault::Dropped, Fault::Repeated, Fault::Delayed, Fault::Malformed, Fault::Unknown, Fault::Crossed]
    {
        assert!(count(fault) > 0, "{fault:?}: {injected}");
    }
    let sent = script.trades().len() + script.diffs().len();
    let wanted = sent - count(Fault::Dropped) + count(Fault::Repeated) + count(Fault::Unknown);
    assert_eq!(received.len(), wanted);
    let understood = parsed(Market::Spot, &received);
    let refused = understood.iter().filter(|parsed| parsed.is_none()).count();
    assert_eq!(
        refused,
        count(Fault::Malformed) + count(Fault::Unknown),
        "the parser refuses these and no others"
    );

    let messages = messages(Market::Spot, &received);
    let crossed = messages.iter().filter(|message| match &message.payload {
        Payload::BookDiff(diff) => {
            diff.bids.iter().any(|bid| diff.asks.iter().all(|ask| bid.price > ask.price))
        }
        _ => false,
    });
    assert!(crossed.count() >= count(Fault::Crossed));
    let ids = trade_ids(&messages);
    let distinct: BTreeSet<i64> = ids.iter().copied().collect();
    assert!(distinct.len() < ids.len(), "some came twice");
    assert!(distinct.len() < script.trades().len(), "some never came");
    assert!(!ids.is_sorted(), "some were overtaken");

    let (_, again) = run(&market, faults.clone()).await;
    assert!(again == received, "the same seed injects the same");
    let (_, other) = run(&market, Faults { seed: 8, ..faults }).await;
    assert!(other != received, "another seed injects something else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_loses_what_it_had_to_say_and_no_other_does() {
    let market = spot(3);
    let silence = Incident::Silence(market.instrument.clone(), Stream::Trade, Duration::from_secs(5));
    let events = vec![Event { after: Duration::from_secs(8), what: silence }];
    let (simulator, received) = run(&market, Faults { events, ..Faults::default() }).await;
    let script = simulator.truth(&market.instrument);
    let begins = script.begins().expect("a beginning");
    let messages = messages(Market::Spot, &received);
    let (from, to) = (begins.plus(8_000_000), begins.plus(13_000_000));
    let is_heard = |at| at < from || at >= to;
    let want: Vec<i64> =
        (1_000..).zip(script.trades()).filter(|(_, sent)| is_heard(sent.at)).map(|(id, _)| id).collect();
    assert_eq!(trade_ids(&messages), want);
    assert!(want.len() < script.trades().len());
    let diffs = messages.iter().filter(|message| matches!(message.payload, Payload::BookDiff(_)));
    assert_eq!(diffs.count(), script.diffs().len(), "the book is not silent");
    let lost = simulator.report().injected.count(Fault::Silenced);
    assert_eq!(lost, (script.trades().len() - want.len()) as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_closed_reset_or_die() {
    let market = generator::Market { seconds: 600, ..spot(4) };
    let simulator = Simulator::builder().market(&market).start().await.expect("started");
    let url = simulator.ws_url(Market::Spot);

    let mut closed = connect(&url, PATH).await;
    closed.next().await.expect("open").expect("a message");
    simulator.let_happen(Incident::Close);
    let frame = loop {
        match closed.next().await.expect("open").expect("a message") {
            Message::Close(frame) => break frame.expect("a reason"),
            other => assert!(other.is_text(), "{other:?}"),
        }
    };
    assert_eq!(frame.code, CloseCode::Restart);

    let mut reset = connect(&url, PATH).await;
    reset.next().await.expect("open").expect("a message");
    simulator.let_happen(Incident::Reset);
    let error = loop {
        match reset.next().await.expect("an end") {
            Ok(message) => assert!(message.is_text(), "{message:?}"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().to_lowercase().contains("reset"), "{error}");

    let mut dead = connect(&url, PATH).await;
    dead.next().await.expect("open").expect("a message");
    simulator.let_happen(Incident::DeadSockets);
    let mut alive = connect(&url, PATH).await;
    // What was on its way still arrives; then nothing, while another connection is served.
    let mut served = 0;
    while served < 40 {
        tokio::select! {
            message = alive.next() => {
                message.expect("open").expect("a message");
                served += 1;
            }
            message = dead.next() => {
                let message = message.expect("open").expect("a message");
                assert!(message.is_text() && served < 20, "the dead one says {message:?}");
            }
        }
    }
    let injected = simulator.report().injected;
    let counts = [Fault::Closed, Fault::Reset, Fault::DeadSocket].map(|fault| injected.count(fault));
    assert_eq!(counts, [1, 1, 1], "{injected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_up_comes_late_and_whole() {
    let market = spot(5);
    let events = vec![Event { after: Duration::from_secs(6), what: Incident::Stall(Duration::from_secs(6)) }];
    let (simulator, received) = run(&market, Faults { events, ..Faults::default() }).await;
    let script = simulator.truth(&market.instrument);
    assert_eq!(received.len(), script.trades().len() + script.diffs().len());
    assert_eq!(simulator.report().injected.count(Fault::Stalled), 1);
}

#[test]
fn a_mixture_has_a_bit_of_everything_and_follows_its_seed() {
    let instruments = [instrument("binance:ETH/USDT"), instrument("binance:BTC/USDT")];
    let mixed = |seed| Faults::mixed(seed, Duration::from_secs(1_800), Duration::from_secs(30), &instruments);
    assert_eq!(mixed(1), mixed(1));
    assert_ne!(mixed(1), mixed(2));
    let events = mixed(1).events;
    assert!((30..=120).contains(&events.len()), "{} incidents", events.len());
    assert!(events.is_sorted_by_key(|event| event.after));
    for wanted in [Incident::Close, Incident::Reset, Incident::DeadSockets] {
        assert!(events.iter().any(|event| event.what == wanted), "{wanted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_and_one_that_does_is_not() {
    let market = generator::Market { seconds: 600, ..spot(4) };
    let builder = Simulator::builder().market(&market).speed(200).begin_with(4);
    let simulator = builder.patience(Duration::from_secs(2)).start().await.expect("started");
    let url = simulator.ws_url(Market::Spot);
    let mut slow = connect(&url, PATH).await;
    let mut quick = connect(&url, PATH).await;
    let (all, end) = texts(&simulator, &mut quick).await;
    assert!(end.is_none(), "{end:?}");
    let script = simulator.truth(&market.instrument);
    assert_eq!(all.len(), script.trades().len() + script.diffs().len());
    assert_eq!(simulator.report().injected.count(Fault::SlowReader), 1);
    let mut taken = 0;
    while let Some(Ok(_)) = slow.next().await {
        taken += 1;
    }
    assert!(taken < all.len(), "it was sent {taken} messages");
}
