//! The REST side.

use onetape_domain::instrument::Market;
use onetape_ports::WallClock as _;
use onetape_simulator::{Fault, Faults, Simulator};
use onetape_testkit::generator;
use serde_json::Value;

use crate::client::{book, get, instrument, spot};

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn instruments_are_described_and_unknown_ones_refused() {
    let coins = generator::Market::new(instrument("binance:BTC/USD:BTC"), 2);
    let builder = Simulator::builder().market(&spot(1)).market(&coins).begin_with(0);
    let simulator = builder.start().await.expect("started");
    let rest = simulator.rest_url(Market::Spot);
    let (status, head, body) = get(&rest, "/api/v3/exchangeInfo?symbols=%5B%22ETHUSDT%22%5D", "").await;
    assert_eq!(status, 200);
    assert!(head.contains("x-mbx-used-weight-1m: 20"), "{head}");
    let info = &json(&body)["symbols"][0];
    assert_eq!((&info["symbol"], &info["status"]), (&"ETHUSDT".into(), &"TRADING".into()));
    assert_eq!(info["filters"][0]["tickSize"], "0.01000000");
    assert_eq!(info["filters"][1]["stepSize"], "0.00010000");
    let (status, _, body) = get(&rest, "/api/v3/exchangeInfo?symbol=BTCUSD_PERP", "").await;
    assert_eq!((status, &json(&body)["code"]), (400, &(-1121).into()), "it is of another market");

    let (status, _, body) = get(&simulator.rest_url(Market::Coinm), "/dapi/v1/exchangeInfo", "").await;
    let info = &json(&body)["symbols"][0];
    assert_eq!((status, &info["contractStatus"]), (200, &"TRADING".into()));
    assert_eq!((&info["symbol"], &info["marginAsset"]), (&"BTCUSD_PERP".into(), &"BTC".into()));
    for path in ["/api/v3/depth", "/api/v3/depth?symbol=ethusdt", "/api/v3/aggTrades?symbol=ETHUSDT&fromId=x"]
    {
        assert_eq!(get(&rest, path, "").await.0, 400, "{path}");
    }
    for path in ["/", "/api/v3/klines?symbol=ETHUSDT", "/fapi/v1/time"] {
        assert_eq!(get(&rest, path, "").await.0, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_paged_by_id_and_tells_nothing_of_the_future() {
    let name = instrument("binance:ETH/USDT:USDT");
    let market = generator::Market { seconds: 10, ..generator::Market::new(name.clone(), 4) };
    let builder = Simulator::builder().market(&market).speed(100);
    let simulator = builder.start().await.expect("started");
    let (rest, script) = (simulator.rest_url(Market::Usdm), simulator.truth(&name));
    let key = "x-mbx-apikey: anything\r\n";
    let path = "/fapi/v1/historicalTrades?symbol=ETHUSDT&fromId=0";
    assert_eq!(json(&get(&rest, path, key).await.2), Value::Array(Vec::new()), "the market has not begun");
    assert_eq!(get(&rest, path, "").await.0, 401);
    let _stream = crate::client::connect(&simulator.ws_url(Market::Usdm), "/ws/ethusdt@trade").await;
    simulator.ended().await;
    let (mut from, mut ids) = (0, Vec::new());
    loop {
        let page = format!("/fapi/v1/historicalTrades?symbol=ETHUSDT&limit=17&fromId={from}");
        let page = json(&get(&rest, &page, key).await.2);
        let page: Vec<i64> =
            page.as_array().expect("a list").iter().filter_map(|row| row["id"].as_i64()).collect();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 17);
        from = last + 1;
        ids.extend(page);
    }
    let first = 1_000;
    assert_eq!(ids, (first..first + script.trades().len() as i64).collect::<Vec<_>>());
    let (_, _, body) = get(&rest, "/fapi/v1/aggTrades?symbol=ETHUSDT&limit=3", "").await;
    let last: Vec<_> = json(&body).as_array().expect("a list").iter().map(|row| row["l"].as_i64()).collect();
    assert_eq!((last.len(), last[2]), (3, ids.last().copied()));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_weight_are_refused_and_noted() {
    let simulator = Simulator::builder().market(&spot(1)).begin_with(0).start().await.expect("started");
    let rest = simulator.rest_url(Market::Spot);
    for _ in 0..24 {
        assert_eq!(get(&rest, "/api/v3/depth?symbol=ETHUSDT&limit=5000", "").await.0, 200);
    }
    let (status, head, body) = get(&rest, "/api/v3/time", "").await;
    assert_eq!((status, &json(&body)["code"]), (429, &(-1003).into()));
    assert!(head.contains("retry-after: "), "{head}");
    for _ in 0..10 {
        get(&rest, "/api/v3/time", "").await;
    }
    assert_eq!(get(&rest, "/api/v3/time", "").await.0, 418);
    let report = simulator.report();
    assert_eq!(report.breaches[0], "more than 6000 request weight in a minute");
    assert_eq!(report.served("requests for books"), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_fail_by_the_seed() {
    let faults = Faults { seed: 9, rate_limited: 200, server_errors: 200, ..Faults::default() };
    let mut runs = Vec::new();
    for seed in [9, 9, 10] {
        let faults = Faults { seed, ..faults.clone() };
        let builder = Simulator::builder().market(&spot(1)).begin_with(0).faults(faults);
        let simulator = builder.start().await.expect("started");
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(get(&simulator.rest_url(Market::Spot), "/api/v3/time", "").await.0);
        }
        let injected = simulator.report().injected;
        let of = |status| statuses.iter().filter(|found| **found == status).count() as u64;
        assert_eq!(injected.count(Fault::RateLimited), of(429));
        assert_eq!(injected.count(Fault::ServerError), 40 - of(429) - of(200));
        assert!(of(429) > 0 && of(200) > 0 && of(200) < 40 - of(429), "{statuses:?}");
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_out_of_date_is_ten_seconds_old() {
    let market = generator::Market { seconds: 120, ..spot(1) };
    let faults = Faults { stale_snapshots: 1_000, ..Faults::default() };
    let builder = Simulator::builder().market(&market).speed(60).faults(faults);
    let simulator = builder.start().await.expect("started");
    let _stream = crate::client::connect(&simulator.ws_url(Market::Spot), "/ws/ethusdt@depth@100ms").await;
    let diffs = simulator.truth(&market.instrument).diffs();
    let clock = simulator.clock();
    clock.wait_until(diffs[200].at).await;
    let before = clock.now();
    let path = "/api/v3/depth?symbol=ETHUSDT&limit=5";
    let shown = book(&simulator.rest_url(Market::Spot), path, Market::Spot).await;
    let after = clock.now();
    let place = diffs.iter().position(|diff| diff.what.last_update == shown.last_update).expect("of a diff");
    // The last diff sent by then is this one and not the next.
    assert!(diffs[place].at <= after.plus(-10_000_000), "{place}");
    assert!(diffs.get(place + 1).is_none_or(|next| next.at > before.plus(-10_000_000)), "{place}");
    assert!(shown.bids.len() == 5 && shown.asks.len() == 5);
    assert_eq!(simulator.report().injected.count(Fault::StaleSnapshot), 1);
}
