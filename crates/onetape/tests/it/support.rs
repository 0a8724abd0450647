//! The tape in a memory store.

use onetape::exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape::prelude::*;

pub(crate) fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("instrument")
}

/// A memory store that has seen the whole tape; none without test data.
pub(crate) async fn replayed() -> Option<(Onetape, IngestSummary)> {
    let folder = onetape_testkit::data::folder()?.join("binance_spot_raw");
    let files = ["ethusdt_20240808.gz", "ethusdt_20240809.gz"].map(|name| folder.join(name));
    let mut feed = TapeFeed::open(files.into(), BinanceParser::new(Market::Spot), TapeOptions::default())
        .expect("tape opens");
    let tape = Onetape::open("memory:").await.expect("memory opens");
    let summary = tape.ingestion().run(&mut feed).await.expect("replayed");
    Some((tape, summary))
}
