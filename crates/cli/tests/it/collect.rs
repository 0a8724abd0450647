//! `onetape collect` against a venue on loopback.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::TryStreamExt as _;
use onetape::ports::{Selection, TimeQuery};
use onetape::prelude::*;
use onetape_simulator::Simulator;
use onetape_testkit::dump::dump;
use onetape_testkit::generator;

use crate::support::{Home, Ran, get};

const SPOT: &str = "binance:ETH/USDT";
const USDM: &str = "binance:BTC/USDT:USDT";

/// Longest wait for something that is to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A venue of a spot and a USD-M market that begins once all is subscribed.
async fn venue(seconds: u32) -> Simulator {
    let market = |name: &str, seed| generator::Market {
        seconds,
        ..generator::Market::new(name.parse().expect("an instrument"), seed)
    };
    let simulator =
        Simulator::builder().market(&market(SPOT, 1)).market(&market(USDM, 2)).speed(20).begin_with(4);
    simulator.start().await.expect("a venue")
}

/// Settings for the venue, in the user's config.
fn configure(home: &Home, venue: &Simulator) {
    let market = |name: &str, market: Market| {
        let (websocket, rest) = (venue.ws_url(market), venue.rest_url(market));
        format!("[collect.{name}]\nwebsocket = \"{websocket}\"\nrest = \"{rest}\"\n")
    };
    let text = format!(
        "store = \"sqlite://market.db\"\n[pipeline]\nflush_interval = \"100ms\"\n\
         [collect]\ninstruments = \"{SPOT}, {USDM}\"\njournal = \"journal\"\n{}{}",
        market("spot", Market::Spot),
        market("usdm", Market::Usdm)
    );
    home.write("onetape.toml", &text);
}

/// A run that was begun; killed with its value, should a test fail.
struct Running(Option<Child>);

impl Running {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut command = home.command();
        let child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self(Some(child.expect("the binary runs")))
    }

    /// Sends a signal, and waits for the end.
    fn end(mut self, signal: &str) -> Ran {
        let child = self.0.take().expect("it runs");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        child.wait_with_output().expect("the binary ends").into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
        }
    }
}

/// Ids of the trades that are stored.
async fn stored(home: &Home, name: &str) -> Vec<i64> {
    let path = home.path().join("market.db");
    if !path.exists() {
        return Vec::new();
    }
    let tape = Onetape::open(&format!("sqlite://{}", path.display())).await.expect("a store");
    let query = TimeQuery {
        instrument: name.parse().expect("an instrument"),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
    };
    let trades: Vec<Trade> = tape.store().stream_trades(query).try_collect().await.expect("trades");
    trades.iter().map(|trade| trade.key.sequence).collect()
}

/// Waits until so many trades of an instrument are stored.
async fn wait_for(home: &Home, name: &str, count: usize) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while stored(home, name).await.len() < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    if waited.await.is_err() {
        panic!("{} of {count} trades of {name} are stored", stored(home, name).await.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_markets_are_collected_whole_and_it_stops_in_order() {
    let (home, venue) = (Home::new(), venue(40).await);
    configure(&home, &venue);
    let running = Running::start(&home, &["collect"]);
    let ids = |name: &str| -> Vec<i64> {
        let script = venue.truth(&name.parse().expect("an instrument"));
        let count = if name == SPOT { script.trades().len() } else { script.aggregates().len() };
        (0..i64::try_from(count).expect("few")).collect()
    };
    for name in [SPOT, USDM] {
        wait_for(&home, name, ids(name).len()).await;
    }
    let ran = running.end("-TERM");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("books fetched: 2, in vain: 0"), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains(" 0 lost, 0 renewed"), "{}", ran.out);
    assert!(ran.err.contains("terminated, stopping in order"), "{}", ran.err);
    for name in [SPOT, USDM] {
        let stored = stored(&home, name).await;
        let first = stored[0];
        let want: Vec<i64> = ids(name).into_iter().map(|id| id + first).collect();
        assert_eq!(stored, want, "{name}");
        let book = home.onetape(&["query", "book", name]).ok();
        assert!(book.lines().count() > 10, "{book}");
    }
    let gaps: serde_json::Value =
        serde_json::from_str(&home.onetape(&["gaps", "list", "--json"]).ok()).expect("json");
    assert_eq!(gaps["gaps"].as_array().map_or(0, Vec::len), 0, "{gaps}");
    assert_eq!(venue.report().breaches, [""; 0], "the venue's limits were kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_replayed_into_the_same_tables() {
    let (home, venue) = (Home::new(), venue(30).await);
    configure(&home, &venue);
    let running = Running::start(&home, &["collect", "--record", "tapes"]);
    let truth = |name: &str| venue.truth(&name.parse().expect("an instrument"));
    wait_for(&home, SPOT, truth(SPOT).trades().len()).await;
    wait_for(&home, USDM, truth(USDM).aggregates().len()).await;
    let ran = running.end("-INT");
    assert_eq!(ran.code, 0, "{}", ran.err);
    for (name, market) in [(SPOT, "spot"), (USDM, "usdm")] {
        let entries = std::fs::read_dir(home.path().join("tapes")).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path().display().to_string());
        let mut tapes: Vec<String> =
            paths.filter(|path| path.contains(&format!("binance-{market}-"))).collect();
        tapes.sort();
        let mut args = vec!["replay", "--market", market, "--store", "sqlite://again.db"];
        args.extend(tapes.iter().map(String::as_str));
        home.onetape(&args).ok();
        let tables = |file: &str| {
            let url = format!("sqlite://{}", home.path().join(file).display());
            async move {
                let tape = Onetape::open(&url).await.expect("a store");
                dump(tape.store().as_ref(), &name.parse().expect("an instrument")).await.expect("a dump")
            }
        };
        let (collected, replayed) = (tables("market.db").await, tables("again.db").await);
        assert!(collected.len() > 10_000, "{} bytes", collected.len());
        let differ = collected.lines().zip(replayed.lines()).find(|(one, other)| one != other);
        assert!(collected == replayed, "{name}: {differ:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_ends_it_and_the_summary_is_for_programs() {
    let (home, venue) = (Home::new(), venue(600).await);
    configure(&home, &venue);
    let ran = home.onetape(&["collect", "--for", "2s", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ran.ok()).expect("json");
    assert!(summary["rows"]["trades"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["connections"]["attempts"], 3, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_venue_does_not_list_is_refused_before_anything_is_stored() {
    let (home, venue) = (Home::new(), venue(10).await);
    configure(&home, &venue);
    let ran = home.onetape(&["collect", "binance:ETH/USTD"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("binance:ETH/USTD is not listed at spot"), "{}", ran.err);
    assert!(ran.err.contains("hint: did you mean binance:ETH/USDT?"), "{}", ran.err);
    assert!(!home.path().join("market.db").exists());
}

#[test]
fn the_documented_config_is_one() {
    let home = Home::new();
    let page = include_str!("../../../../docs/COLLECT.md");
    let sample = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a sample");
    home.write("onetape.toml", sample);
    let shown = home.onetape(&["config", "show"]).ok();
    for line in ["collect.instruments", "collect.journal", "collect.usdm.trades"] {
        let row = shown.lines().find(|row| row.contains(line)).unwrap_or_default();
        assert!(row.contains("onetape.toml:"), "{line}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_shows_how_it_is() {
    let (home, venue) = (Home::new(), venue(60).await);
    configure(&home, &venue);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let running = Running::start(&home, &["collect", "--metrics", &free.port().to_string()]);
    wait_for(&home, SPOT, 20).await;
    wait_for(&home, USDM, 20).await;
    let alive = get(free.port(), "/healthz");
    assert!(alive.starts_with("HTTP/1.1 200") && alive.contains("\"name\":\"writer\""), "{alive}");
    // The venue plays an old market, so all but the age of its stamps is as it should be.
    let ready = get(free.port(), "/readyz");
    let (_, body) = ready.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("json");
    let checks = body["checks"].as_array().expect("a list");
    let wrong: Vec<_> =
        checks.iter().filter(|check| check["ok"] == false).map(|check| &check["name"]).collect();
    assert_eq!(
        (ready.starts_with("HTTP/1.1 503"), wrong),
        (true, vec![&serde_json::json!("lag")]),
        "{ready}"
    );
    assert_eq!(checks.len(), 4, "{ready}");
    let shown = tokio::time::timeout(PATIENCE, async {
        loop {
            let metrics = get(free.port(), "/metrics");
            let lines =
                ["onetape_instruments 2", "onetape_trade_gaps_open{instrument=\"binance:ETH/USDT\"} 0"];
            if lines.iter().all(|line| metrics.contains(line))
                && metrics.contains("onetape_write_rows_bucket{")
            {
                break metrics;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let shown = shown.await.expect("metrics of both instruments");
    assert!(shown.contains("onetape_journal_wait_seconds_bucket{"), "{shown}");
    assert_eq!(running.end("-INT").code, 0);
}
