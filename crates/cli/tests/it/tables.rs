//! Whatever way the tape is replayed, the tables are the same.

use std::io::Write as _;

use onetape_testkit::dump::dump;

use crate::support::{Kind, lines, replay, tape, write};

async fn tables(store: &str) -> String {
    let tape = onetape::Onetape::open(store).await.expect("store opens");
    let instrument = "binance:ETH/USDT".parse().expect("instrument");
    dump(tape.store().as_ref(), &instrument).await.expect("dump")
}

async fn twice_in_other_batches_with_duplicates_or_packed_otherwise_gives_the_same_tables_in(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(once) = kind.store().await else { return };
    replay(once.url(), &files, &[]).ok();
    let want = tables(once.url()).await;
    assert!(want.len() > 1_000_000, "a dump of {} bytes", want.len());

    let again: serde_json::Value = serde_json::from_str(&replay(once.url(), &files, &[]).ok()).expect("json");
    assert_eq!(again["rows"]["trades"], 0);
    assert_eq!(again["stamped"], 0);
    assert!(tables(once.url()).await == want, "a second replay changed the tables");

    let folder = tempfile::tempdir().expect("folder");
    let lines = lines(&files);
    let doubled =
        write(folder.path(), "doubled.jsonl", lines.iter().flat_map(|line| [line.clone(), line.clone()]));
    let plain = lines.join("\n").into_bytes();
    let packed = folder.path().join("packed.zst");
    std::fs::write(&packed, zstd::encode_all(plain.as_slice(), 1).expect("packed")).expect("written");
    for (name, file, batch) in [("doubled lines", doubled, "97"), ("zstd", packed, "100000")] {
        let db = kind.store().await.expect("a store");
        replay(db.url(), &[file], &["--batch-size", batch]).ok();
        assert!(tables(db.url()).await == want, "{name} changed the tables");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_in_other_batches_with_duplicates_or_packed_otherwise_gives_the_same_tables() {
    twice_in_other_batches_with_duplicates_or_packed_otherwise_gives_the_same_tables_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_in_other_batches_with_duplicates_or_packed_otherwise_gives_the_same_tables_in_a_file() {
    twice_in_other_batches_with_duplicates_or_packed_otherwise_gives_the_same_tables_in(Kind::File).await;
}

/// The tape stops in the middle without an orderly end, as after a crash, and is read again.
async fn a_restart_in_the_middle_gives_the_same_tables_in(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(db) = kind.store().await else { return };
    replay(db.url(), &files, &[]).ok();
    let want = tables(db.url()).await;
    let folder = tempfile::tempdir().expect("folder");
    let lines = lines(&files);
    for (n, cut) in [700, lines.len() / 3, lines.len() / 2 + 11].into_iter().enumerate() {
        // A truncated archive is a crash of the feed: what came before is stored, the end is not orderly.
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("encoder");
        encoder.write_all(lines[..cut].join("\n").as_bytes()).expect("packed");
        encoder.write_all(b"\n").expect("packed");
        encoder.flush().expect("packed");
        let unfinished = encoder.get_ref().clone();
        let path = folder.path().join(format!("cut{n}.zst"));
        std::fs::write(&path, unfinished).expect("written");
        let db = kind.store().await.expect("a store");
        let ran = replay(db.url(), &[path], &[]);
        assert_eq!(ran.code, 1, "a truncated tape is a failure: {}", ran.err);
        replay(db.url(), &files, &[]).ok();
        assert!(tables(db.url()).await == want, "a restart after {cut} lines changed the tables");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_gives_the_same_tables() {
    a_restart_in_the_middle_gives_the_same_tables_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_gives_the_same_tables_in_a_file() {
    a_restart_in_the_middle_gives_the_same_tables_in(Kind::File).await;
}

/// An orderly end in the middle leaves one partial book row, and what depends on its stamp, beside the same data.
async fn one_command_a_file_goes_on_where_the_first_ended_in(kind: Kind) {
    let Some(files) = tape() else { return };
    let Some(db) = kind.store().await else { return };
    replay(db.url(), &files[..1], &[]).ok();
    replay(db.url(), &files[1..], &[]).ok();
    let tape = onetape::Onetape::open(db.url()).await.expect("store");
    let instrument = "binance:ETH/USDT".parse().expect("instrument");
    let split = dump(tape.store().as_ref(), &instrument).await.expect("dump");
    let partials = split.matches("\"partial\":true").count();
    assert_eq!(partials, 2, "one partial sample at each orderly end");
    let out = crate::support::query(db.url(), "book", &["--format", "json"]).ok();
    assert!(out.contains("\"sequence\":35346924199"), "the book goes on across commands");
    let out = crate::support::query(db.url(), "coverage", &["--format", "csv"]).ok();
    assert!(!out.contains(",gap,"), "no gap between the commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_a_file_goes_on_where_the_first_ended() {
    one_command_a_file_goes_on_where_the_first_ended_in(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_a_file_goes_on_where_the_first_ended_in_a_file() {
    one_command_a_file_goes_on_where_the_first_ended_in(Kind::File).await;
}
