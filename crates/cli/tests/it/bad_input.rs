//! Bad input through the command line: an exit code, a reason, never a panic.

use std::io::Write as _;

use crate::support::{onetape, replay};

const GOOD: &str = r#"1723161254340863867 {"stream":"ethusdt@trade","data":{"e":"trade","E":1723161255612,"s":"ETHUSDT","t":5,"p":"2683.80","q":"0.002","T":1723161255611,"m":true,"M":true}}"#;

fn demo(lines: &[String]) -> crate::support::Ran {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    for line in lines {
        writeln!(file, "{line}").expect("written");
    }
    onetape(&["demo", file.path().to_str().expect("text"), "--format", "json"])
}

#[test]
fn bad_records_are_quarantined_and_the_rest_goes_on() {
    let bad = [
        GOOD.replace("\"t\":5", "\"t\":6").replace("2683.80", "NaN"),
        GOOD.replace("\"t\":5", "\"t\":7").replace("0.002", "-1"),
        GOOD.replace("\"t\":5", "\"t\":8").replace("1723161255611", "1723161255"),
        GOOD.replace("ETHUSDT", "ETHXYZ"),
        GOOD[..GOOD.len() - 9].to_owned(),
        format!("1723161254340863867 {}", "x".repeat(10 << 20)),
        GOOD.replace("1723161254340863867", "1723161254"),
    ];
    for line in bad {
        let ran = demo(&[GOOD.to_owned(), line.clone(), GOOD.replace("\"t\":5", "\"t\":9")]);
        let shown: String = line.chars().take(200).collect();
        assert_eq!(ran.code, 3, "{shown}\n{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        let frame: serde_json::Value = serde_json::from_str(ran.out.trim()).expect("json");
        let traded: u64 = frame["ohlcv_1s"]["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .filter_map(|r| r["trade_count"].as_u64())
            .sum();
        assert_eq!(traded, 2, "the good ones are kept beside {shown}");
    }
}

#[test]
fn a_crossed_snapshot_is_refused_with_its_prices() {
    let crossed = r#"1723161254340863867 {"lastUpdateId":5,"bids":[["10","1"]],"asks":[["9","1"]]}"#;
    let ran = demo(&[GOOD.to_owned(), crossed.to_owned()]);
    assert_eq!(ran.code, 3, "{}", ran.err);
}

#[test]
fn a_truncated_archive_names_file_and_line() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let trade = |id: usize| GOOD.replace("\"t\":5", &format!("\"t\":{id}")) + "\n";
    (0..2_000).for_each(|id| packed.write_all(trade(id).as_bytes()).expect("packed"));
    let packed = packed.finish().expect("packed");
    let mut file = tempfile::Builder::new().suffix(".gz").tempfile().expect("file");
    file.write_all(&packed[..packed.len() / 2]).expect("written");
    let ran = replay("memory:", &[file.path().to_owned()], &[]);
    assert_eq!(ran.code, 1);
    let name = file.path().file_name().expect("name").to_str().expect("text").to_owned();
    assert!(ran.err.contains(&name), "{}", ran.err);
}

#[test]
fn a_missing_file_is_named() {
    let ran = replay("memory:", &["no/such/tape.gz".into()], &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("tape.gz"), "{}", ran.err);
}
