//! `onetape quarantine`: what was refused is listed, shown, read again and dropped.

use serde_json::Value;

use crate::support::{Kind, Ran, TestStore, onetape, replay, write};

const SPOT: &str = r#"1723161254340863867 {"stream":"ethusdt@trade","data":{"e":"trade","E":1723161255612,"s":"ETHUSDT","t":5,"p":"2683.80","q":"0.002","T":1723161255611,"m":true,"M":true}}"#;
const COINM: &str = r#"1723161254340863867 {"stream":"btcusd_perp@aggTrade","data":{"e":"aggTrade","E":1723161255612,"s":"BTCUSD_PERP","a":7,"p":"60000.1","q":"3","f":7,"l":7,"T":1723161255611,"m":true}}"#;

struct Quarantine<'a>(&'a TestStore);

impl Quarantine<'_> {
    fn run(&self, args: &[&str]) -> Ran {
        onetape(&[&["quarantine"], args, &["--store", self.0.url()]].concat())
    }

    fn list(&self, args: &[&str]) -> Vec<Value> {
        let listed = self.run(&[&["list", "--json"], args].concat()).ok();
        serde_json::from_str(listed.trim()).expect("a list")
    }

    fn ids(&self, args: &[&str]) -> Vec<u64> {
        self.list(args).iter().map(|entry| entry["id"].as_u64().expect("id")).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_listed_shown_read_again_and_dropped() {
    for kind in [Kind::Server, Kind::File] {
        let Some(store) = kind.store().await else { continue };
        let folder = tempfile::tempdir().expect("folder");
        let nan = SPOT.replace("2683.80", "NaN").replace("\"t\":5", "\"t\":6");
        let long = SPOT.replace("ethusdt@trade", &"x".repeat(5_000)).replace("2683.80", "NaN");
        let lines = [SPOT.to_owned(), COINM.to_owned(), nan, long, SPOT.replace("\"t\":5", "\"t\":7")];
        let tape = write(folder.path(), "mixed.tape", lines);
        assert_eq!(replay(store.url(), &[tape], &[]).code, 3);
        let quarantine = Quarantine(&store);

        let [cut, nan, coinm] = quarantine.ids(&[])[..] else { panic!("{:?}", quarantine.list(&[])) };
        assert_eq!(quarantine.ids(&["--origin", "mixed.tape:2"]), [coinm]);
        assert_eq!(quarantine.ids(&["--origin", "other.tape"]), [0; 0]);
        assert_eq!(quarantine.ids(&["--instrument", "binance:ETH/USDT"]), [cut, nan]);
        assert_eq!(quarantine.ids(&["--from", "2024-08-08", "--to", "2024-08-09"]), [cut, nan, coinm]);
        assert_eq!(quarantine.ids(&["--from", "2024-08-09"]), [0; 0]);
        assert_eq!(quarantine.ids(&["--limit", "1", "--before", &cut.to_string()]), [nan]);
        let table = quarantine.run(&["list"]).ok();
        assert!(table.contains("mixed.tape:3") && table.contains("got `NaN`"), "{table}");

        let shown = quarantine.run(&["show", &nan.to_string()]).ok();
        assert!(shown.contains("mixed.tape:3") && shown.contains("\"p\":\"NaN\""), "{shown}");
        let shown = quarantine.run(&["show", &cut.to_string()]).ok();
        assert!(shown.contains("not kept whole"), "{shown}");

        // Of another market than it was read as; wrong in any; cut.
        let ids = [coinm, nan, cut].map(|id| id.to_string());
        let retry = [&["retry", "--market", "coinm"], &ids.each_ref().map(String::as_str)[..]].concat();
        let retried = quarantine.run(&retry);
        assert_eq!(retried.code, 3, "{}", retried.err);
        let said: Vec<&str> = retried.out.lines().collect();
        assert!(said[0].starts_with(&format!("{coinm}: taken in")), "{}", retried.out);
        assert!(said[1].starts_with(&format!("{nan}: still refused")), "{}", retried.out);
        assert!(said[2].contains("not kept whole"), "{}", retried.out);
        assert_eq!(quarantine.ids(&[]), [cut, nan]);
        let trades =
            onetape(&["query", "trades", "binance:BTC/USD:BTC", "--store", store.url(), "--format", "csv"]);
        assert!(trades.ok().contains("60000.1"), "the trade is there");

        let kept = quarantine.run(&["drop", &cut.to_string()]);
        assert!(kept.code == 1 && kept.err.contains("--yes"), "{}", kept.err);
        let dropped = quarantine.run(&["drop", "--yes", &cut.to_string(), "12345"]).ok();
        assert_eq!(dropped.trim(), "1 dropped, 1 were not there");
        assert_eq!(quarantine.run(&["drop", "--all", "--origin", "other", "--yes"]).ok().trim(), "0 dropped");
        assert_eq!(quarantine.run(&["drop", "--all", "--origin", "mixed", "--yes"]).ok().trim(), "1 dropped");
        assert_eq!(quarantine.run(&["list"]).ok().trim(), "nothing in quarantine");
    }
}
