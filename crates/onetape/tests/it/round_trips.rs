//! How often the provider asks the store.

use std::sync::Arc;

use onetape::domain::venue::VenueRules;
use onetape::memory::MemoryStore;
use onetape::prelude::*;
use onetape::provider::ProviderConfig;
use onetape_testkit::clock::ManualClock;
use onetape_testkit::fault::FaultStore;
use onetape_testkit::generator::Market as SimulatedMarket;

use crate::support::instrument;

#[tokio::test]
async fn a_historical_frame_asks_the_store_once() {
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::default())));
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
    let pipeline =
        DataIngestionPipeline::start(store.clone(), None, clock.clone(), PipelineConfig::default());
    let market = SimulatedMarket { seconds: 20, ..SimulatedMarket::new(instrument(), 5) };
    for message in market.messages() {
        pipeline.ingest(&message, VenueRules::BINANCE_SPOT).await.expect("ingested");
    }
    pipeline.shutdown(Duration::from_secs(60)).await.expect("flushed");

    let config = ProviderConfig::for_exchange("binance".parse().expect("an exchange"));
    let provider = UnifiedDataProvider::new(store.clone(), clock, config);
    let latest = provider.inference(&instrument(), &Request::default()).await.expect("frame").as_of;
    let calls = || ["flushed", "frame_parts"].map(|operation| store.plan().calls(operation));
    let [flushed, frames] = calls();
    for back in 0..10 {
        let request = Request::at(latest.plus(-back * 1_000_000));
        provider.clone().inference(&instrument(), &request).await.expect("frame");
    }
    assert_eq!(calls(), [flushed, frames + 10], "what the store has come to is known");
    let seconds =
        provider.get_closed_candles("ETH/USDT", Timeframe::S1, Some(latest), 5).await.expect("rows");
    assert_eq!((seconds.len(), calls()), (5, [flushed, frames + 10]));
    // Beyond what is known it may have come further.
    provider.inference(&instrument(), &Request::at(latest.plus(1))).await.expect("frame");
    assert_eq!(calls(), [flushed + 1, frames + 11]);
}
