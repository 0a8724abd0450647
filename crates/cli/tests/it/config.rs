//! `onetape config`: what holds, where it comes from, and a file to begin with.

use serde_json::Value;

use crate::support::Home;

fn setting(shown: &str, name: &str) -> (String, Value) {
    let shown: Value = serde_json::from_str(shown).expect("json");
    let settings = shown["settings"].as_array().expect("a list");
    let one = settings.iter().find(|one| one["name"] == name).expect("there is such a setting");
    (one["value"].as_str().expect("text").to_owned(), one["origin"].clone())
}

#[test]
fn every_setting_is_shown_with_where_it_comes_from() {
    let home = Home::new();
    let file =
        home.write("onetape.toml", "default_exchange = \"kraken\"\n[pipeline]\nflush_interval = \"1s\"\n");
    let variables = [
        ("ONETAPE_PIPELINE_FLUSH_INTERVAL", "2s"),
        ("ONETAPE_STORE", "postgres://u:s3cret@localhost/db?password=s3cret"),
    ];
    let text = home.onetape_with(&variables, &["config", "show"]).ok();
    for part in
        ["ONETAPE_STORE in the environment", "onetape.toml:1", "pools.reader.max_connections", "default"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let homeless = home.onetape_with(&[("HOME", "")], &["config", "show"]).ok();
    assert!(homeless.contains("none: there is no HOME for one"), "{homeless}");
    let json = home.onetape_with(&variables, &["config", "show", "--json"]).ok();
    assert!(!text.contains("s3cret") && !json.contains("s3cret"));
    assert_eq!(setting(&json, "store").0, "postgres://u@localhost/db");
    let here = file.canonicalize().expect("a path");
    let (exchange, origin) = setting(&json, "default_exchange");
    assert_eq!((exchange.as_str(), &origin["file"]["line"]), ("kraken", &1.into()));
    assert_eq!(origin["file"]["path"].as_str().map(std::path::PathBuf::from), Some(here));
    assert_eq!(setting(&json, "pipeline.flush_interval").0, "2s");
    assert_eq!(setting(&json, "pipeline.retry_for"), ("5m".to_owned(), "default".into()));
}

#[test]
fn a_file_is_begun_once_and_found_then() {
    let home = Home::new();
    let path = home.onetape(&["config", "path"]).ok();
    assert!(path.starts_with("there is none"), "{path}");
    home.onetape(&["config", "init"]).ok();
    let path = home.onetape(&["config", "path"]).ok();
    assert_eq!(path.trim(), home.path().join(".config/onetape/onetape.toml").to_str().expect("text"));
    let again = home.onetape(&["config", "init"]);
    assert!(again.code == 1 && again.err.contains("is there already"), "{}", again.err);
    home.onetape(&["config", "init", "here.toml"]).ok();
    let named = home.onetape(&["config", "path", "--config", "here.toml"]).ok();
    assert_eq!(named.trim(), "here.toml");
}

#[test]
fn a_wrong_file_stops_every_command_but_those_that_help() {
    let home = Home::new();
    home.write("onetape.toml", "\n[pipeline]\nbatch_sise = 5\n");
    for args in [&["demo"][..], &["config", "show"], &["status"]] {
        let ran = home.onetape(args);
        assert_eq!(ran.code, 1, "{args:?}");
        let wanted = "line 3: pipeline.batch_sise is no setting: did you mean pipeline.batch_size?";
        assert!(ran.err.contains(wanted) && ran.err.contains("hint: "), "{args:?}: {}", ran.err);
    }
    for args in [&["config", "path"][..], &["completions", "bash"], &["--help"], &["config", "init"]] {
        home.onetape(args).ok();
    }
}

#[test]
fn the_default_exchange_and_the_lateness_of_a_tape_are_used() {
    let home = Home::new();
    home.write("onetape.toml", "default_exchange = \"demo\"\n");
    home.onetape(&["demo"]).ok();
    let frame = home.onetape(&["query", "inference", "ETH/USDT"]).ok();
    assert!(frame.starts_with("demo:ETH/USDT as of"), "{frame}");
    let late = home.onetape_with(&[("ONETAPE_TAPE_LATENESS", "soon")], &["status"]);
    assert!(late.code == 1 && late.err.contains("ONETAPE_TAPE_LATENESS must be"), "{}", late.err);
}
