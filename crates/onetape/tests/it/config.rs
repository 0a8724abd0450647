//! A store of a configuration.

use onetape::Config;
use onetape::config::Origin;
use onetape::prelude::*;

#[tokio::test]
async fn a_store_is_opened_with_the_settings_of_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("onetape.toml");
    let text = "store = \"sqlite://market.db\"\ndefault_exchange = \"kraken\"\n[provider]\nmax_limit = 120\n";
    std::fs::write(&file, text).expect("written");
    let mut config = Config::load(Some(&file)).expect("config");
    assert_eq!(config.file(), Some(file.as_path()));
    let tape = Onetape::from_config(&config).await.expect("opened");
    assert!(folder.path().join("market.db").is_file());

    let instrument: Instrument = "kraken:ETH/USDT".parse().expect("instrument");
    let trade = PushedTrade {
        event_time: "2024-08-09T00:00:00.5Z".parse().expect("time"),
        id: TradeId::Numeric(1),
        price: "2682.5".into(),
        size: "0.25".into(),
        side: Side::Buy,
    };
    tape.ingestion().ingest_trade(&instrument, &trade).await.expect("taken");
    let frame = tape.provider().get_inference_data("ETH/USDT", None, Duration::ZERO).await.expect("frame");
    assert_eq!(frame.symbol, instrument);
    let many = Request { limit: 121, ..Request::default() };
    let refused = tape.provider().inference(&instrument, &many).await.expect_err("beyond the limit");
    assert!(refused.to_string().contains("120"), "{refused}");
    tape.close(Duration::from_secs(10)).await.expect("closed");

    let tape = Onetape::from_config(&config).await.expect("opened again");
    let stored = tape.stored(&[]).await.expect("stored");
    assert_eq!(stored.instruments.len(), 1);
    assert_eq!(stored.instruments[0].tables.iter().map(|table| table.extent.rows).sum::<u64>(), 1);

    config.set("store", "memory:", "the test").expect("set");
    assert_eq!(config.origin("store"), Origin::Caller("the test".to_owned()));
    let memory = Onetape::from_config(&config).await.expect("opened");
    assert_eq!(memory.stored(&[]).await.expect("stored").instruments, []);
    assert!(config.set("stroe", "memory:", "the test").is_err());
}
