//! The budgets of the design, each beside its floor measured in the same run. `cargo xtask bench` runs it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod database;
mod frames;
mod measure;
mod replay;

use onetape::domain::message::FeedMessage;
use onetape::exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape::ports::{Feed, FeedEvent};
use onetape::prelude::*;

/// The instrument of the tape.
pub(crate) fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("instrument")
}

/// Opens the real tape.
pub(crate) fn tape() -> Option<TapeFeed<BinanceParser>> {
    let folder = onetape_testkit::data::folder()?.join("binance_spot_raw");
    let files = ["ethusdt_20240808.gz", "ethusdt_20240809.gz"].map(|name| folder.join(name));
    Some(
        TapeFeed::open(files.into(), BinanceParser::new(Market::Spot), TapeOptions::default())
            .expect("tape opens"),
    )
}

/// Everything on the tape, decoded.
pub(crate) async fn messages() -> Option<Vec<FeedMessage>> {
    let mut feed = tape()?;
    let mut events = Vec::new();
    while feed.next_batch(&mut events, 100_000).await.expect("tape") {}
    let message = |event| match event {
        FeedEvent::Message(message) => Some(message),
        FeedEvent::Quarantined(_) => None,
    };
    Some(events.into_iter().filter_map(message).collect())
}

fn main() {
    // `cargo test --benches` runs this too; there is nothing to check then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        println!("| what | result | floor in the same run | ratio |");
        println!("|---|---|---|---|");
        replay::run().await;
        frames::run().await;
        database::run().await;
    });
}
