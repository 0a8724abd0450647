//! A row that a real database refuses by a rule of its own is left out, named, and stops nothing.

use onetape::domain::venue::VenueRules;
use onetape::prelude::*;
use onetape_testkit::generator::Market as SimulatedMarket;
use serde_json::Value;
use sqlx::Executor as _;

use crate::support::{Kind, TestStore, onetape, query};

/// Plants a rule that the trade of an id breaks.
async fn plant(store: &TestStore, trade_id: &str) {
    match store {
        TestStore::Server(database) => {
            let rule =
                format!("ALTER TABLE trade_events ADD CONSTRAINT planted CHECK (trade_id <> '{trade_id}')");
            let pool = sqlx::PgPool::connect(database.url()).await.expect("connected");
            pool.execute(rule.as_str()).await.expect("planted");
            pool.close().await;
        }
        TestStore::File { url, .. } => {
            let rule = format!(
                "CREATE TRIGGER planted BEFORE INSERT ON trade_events WHEN NEW.trade_id = '{trade_id}' \
                 BEGIN SELECT RAISE(ABORT, 'planted'); END"
            );
            let pool = sqlx::SqlitePool::connect(url).await.expect("connected");
            pool.execute(rule.as_str()).await.expect("planted");
            pool.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_rule_of_the_database_refuses_is_left_out_and_named() {
    for kind in [Kind::Server, Kind::File] {
        let Some(store) = kind.store().await else { continue };
        let market = SimulatedMarket {
            seconds: 20,
            ..SimulatedMarket::new("binance:ETH/USDT".parse().expect("instrument"), 3)
        };
        let messages = market.messages();
        let tape = Onetape::open(store.url()).await.expect("opened");
        let pipeline = tape.ingestion();
        let (first, rest) = messages.split_at(messages.len() / 4);
        for message in first {
            pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("taken in");
        }
        pipeline.flush().await.expect("written");
        let csv = query(store.url(), "trades", &["--format", "csv"]).ok();
        let column = csv.lines().next().expect("a head").split(',').position(|name| name == "trade_id");
        let last = csv.lines().last().and_then(|line| line.split(',').nth(column.expect("a column")));
        let refused = (last.and_then(|id| id.parse::<u64>().ok()).expect("a number") + 5).to_string();
        plant(&store, &refused).await;
        for message in rest {
            pipeline.ingest(message, VenueRules::BINANCE_SPOT).await.expect("taken in");
        }
        pipeline.end_of_feed().await.expect("written");
        assert_eq!(
            tape.close(Duration::from_secs(30)).await.expect("closed").expect("a summary").refused_rows,
            1
        );

        let listed = onetape(&["quarantine", "list", "--json", "--store", store.url()]).ok();
        let listed: Vec<Value> = serde_json::from_str(listed.trim()).expect("a list");
        assert_eq!(listed.len(), 1, "{listed:?}");
        let violation = &listed[0]["violations"][0];
        assert_eq!(violation["field"], "trade_events");
        assert!(violation["reason"].as_str().expect("text").contains("planted"), "{violation}");
        let csv = query(store.url(), "trades", &["--format", "csv"]).ok();
        let has = |id: &str| csv.lines().any(|line| line.split(',').any(|field| field == id));
        let next = (refused.parse::<u64>().expect("a number") + 1).to_string();
        assert!(!has(&refused) && has(&next), "trade {refused} only");
        let gaps = onetape(&[
            "gaps",
            "list",
            "binance:ETH/USDT",
            "--stream",
            "trades",
            "--json",
            "--store",
            store.url(),
        ]);
        assert!(gaps.ok().contains("the store refused a row of it"), "the gap is named");
        // It is no raw record: there is nothing to read again.
        let id = listed[0]["id"].to_string();
        let retried = onetape(&["quarantine", "retry", &id, "--store", store.url()]);
        assert!(retried.code == 3 && retried.out.contains("no line of a tape"), "{}", retried.out);
    }
}
