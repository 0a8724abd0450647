//! The live feed against the venue, from socket to store: what was lost is named, exactly, and nothing else suffers from it.

use std::time::Duration;

use futures::TryStreamExt as _;
use onetape::domain::coverage::Stream as Covered;
use onetape::exchanges::live::{LiveConfig, LiveFeed, Timing};
use onetape::ports::{BookQuery, Selection};
use onetape::prelude::*;
use onetape_simulator::faults::{Event, Incident};
use onetape_simulator::{Faults, Simulator, Stream};
use onetape_testkit::generator;

use crate::client::instrument;

fn silence(after: u64, instrument: &Instrument, stream: Stream, lasting: u64) -> Event {
    let what = Incident::Silence(instrument.clone(), stream, Duration::from_secs(lasting));
    Event { after: Duration::from_secs(after), what }
}

async fn sampled(tape: &Onetape, instrument: &Instrument) -> Vec<Timestamp> {
    let query = BookQuery {
        instrument: instrument.clone(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: false,
    };
    let books: Vec<_> = tape.store().stream_books(query).try_collect().await.expect("books");
    books.iter().filter(|book| !book.flags().partial).map(|book| book.second()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_of_one_stream_is_named_and_disturbs_no_other() {
    let (eth, btc) = (instrument("binance:ETH/USDT"), instrument("binance:BTC/USDT"));
    let market = |instrument: &Instrument, seed| generator::Market {
        seconds: 60,
        ..generator::Market::new(instrument.clone(), seed)
    };
    let events = vec![silence(15, &btc, Stream::Depth, 2), silence(30, &eth, Stream::Trade, 3)];
    let builder = Simulator::builder().market(&market(&eth, 1)).market(&market(&btc, 2));
    let faults = Faults { events, ..Faults::default() };
    let simulator = builder.faults(faults).speed(20).begin_with(4).start().await.expect("started");

    let tape = Onetape::open("memory:").await.expect("opened");
    let config = LiveConfig {
        websocket: simulator.ws_url(Market::Spot),
        rest: simulator.rest_url(Market::Spot),
        timing: Timing { snapshot_pause: Duration::from_millis(50), ..Timing::default() },
        ..LiveConfig::new(Market::Spot)
    };
    let instruments = [eth.clone(), btc.clone()];
    let (mut feed, control) =
        LiveFeed::open(config, &instruments, simulator.clock()).await.expect("the venue is there");
    let pipeline = tape.ingestion();
    let run = tokio::spawn(async move { pipeline.run(&mut feed).await });
    simulator.ended().await;
    control.stop();
    run.await.expect("no panic").expect("an orderly end");

    // The trades that were lost are those that the log names, id by id.
    let gaps = tape.gaps(&instruments, None).await.expect("gaps");
    let [of_btc, of_eth] = gaps.as_slice() else { panic!("{gaps:?}") };
    let lost: Vec<_> = of_eth.gaps.iter().filter(|gap| gap.stream == Covered::Trades).collect();
    let [lost] = lost.as_slice() else { panic!("{lost:?}") };
    let script = simulator.truth(&eth);
    let begins =
        instruments.iter().filter_map(|one| simulator.truth(one).begins()).min().expect("a beginning");
    let is_silent = |at: Timestamp| (30_000_000..33_000_000).contains(&at.since(begins));
    let silenced: Vec<i64> =
        (1_000..).zip(script.trades()).filter(|(_, sent)| is_silent(sent.at)).map(|(id, _)| id).collect();
    let (first, last) = (silenced[0], silenced[silenced.len() - 1]);
    assert_eq!(lost.missing, [(first, last)]);
    assert_eq!(lost.missing_ids, silenced.len() as u64);

    // The broken book came back by a snapshot of its own; the other went on as if nothing had been.
    let broken: Vec<_> = of_btc.gaps.iter().filter(|gap| gap.stream == Covered::Book).collect();
    let [broken] = broken.as_slice() else { panic!("{broken:?}") };
    assert_eq!(broken.reason, "book sequence broke");
    let whole: Vec<_> = of_eth.gaps.iter().filter(|gap| gap.stream == Covered::Book).collect();
    assert!(whole.is_empty(), "{whole:?}");
    let seconds = sampled(&tape, &eth).await;
    assert!(seconds.len() > 50, "{} seconds", seconds.len());
    assert!(seconds.windows(2).all(|pair| pair[1] == pair[0].plus(1_000_000)), "a second is missing");
    let after = sampled(&tape, &btc).await;
    assert!(after.last() > Some(&broken.end) && after.first() < Some(&broken.begin), "{after:?}");
    let other: Vec<_> = of_btc.gaps.iter().filter(|gap| gap.stream == Covered::Trades).collect();
    assert!(other.is_empty(), "{other:?}");
    let report = simulator.report();
    assert_eq!(report.served("connections opened"), 1, "{report}");
    assert!(report.breaches.is_empty(), "{report}");
}
