//! A file that is written by one process and read by others, a writer that is killed, and a disk that is full.
//!
//! `ONETAPE_KILLS=200 cargo nextest run -p onetape-cli -E 'test(killed)'` kills more often.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use onetape::ports::ClockStore;
use onetape::prelude::*;
use onetape::sqlite::SqliteStore;
use onetape_testkit::dump::{dump, first_difference};
use onetape_testkit::generator::Rng;
use serde_json::Value;
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use crate::support::{Kind, TestStore, onetape, query, replay, tape};

/// Kills of a test run that says nothing else.
const KILLS: u64 = 5;

fn path(store: &TestStore) -> PathBuf {
    store.url().strip_prefix("sqlite://").expect("a file").into()
}

fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("instrument")
}

/// A replay under way, in batches so small that there are many commits.
fn begin(store: &TestStore, files: &[PathBuf]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onetape"));
    command.args(["replay", "--batch-size", "40", "--json", "--store", store.url()]);
    command.args(files).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
}

async fn tables(store: &TestStore) -> String {
    let store = SqliteStore::open_existing(path(store)).await.expect("opened");
    let tables = dump(&store, &instrument()).await.expect("dump");
    store.close().await;
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_other_processes_see_whole_frames_while_one_writes() {
    let Some(files) = tape() else { return };
    let store = Kind::File.store().await.expect("a file");
    onetape(&["db", "setup", "--store", store.url()]).ok();
    let mut writer = begin(&store, &files);
    let mut frames = Vec::new();
    while writer.try_wait().expect("a child").is_none() {
        let ran = query(store.url(), "inference", &["--format", "json"]);
        if ran.code == 0 {
            frames.push(ran.out);
        } else {
            assert!(ran.err.contains("nothing is stored of") || frames.is_empty(), "{}", ran.err);
        }
    }
    assert!(writer.wait().expect("a child").success());
    let instants: Vec<i64> = frames
        .iter()
        .map(|frame| {
            serde_json::from_str::<Value>(frame).expect("json")["as_of"].as_i64().expect("an instant")
        })
        .collect();
    assert!(instants.windows(2).all(|pair| pair[0] <= pair[1]), "{instants:?}");
    assert!(instants.first() < instants.last(), "the tape grew under the readers: {instants:?}");
    for (instant, frame) in instants.iter().zip(&frames) {
        let after = query(store.url(), "inference", &["--format", "json", "--at", &instant.to_string()]).ok();
        assert!(&after == frame, "the frame at {instant} changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_killed_at_any_moment_loses_nothing_that_was_written() {
    let Some(files) = tape() else { return };
    let kills = std::env::var("ONETAPE_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let undisturbed = Kind::File.store().await.expect("a file");
    replay(undisturbed.url(), &files, &[]).ok();
    let want = tables(&undisturbed).await;
    assert!(want.len() > 1_000_000, "a dump of {} bytes", want.len());

    let mut random = Rng::new(std::process::id().into());
    let mut store = Kind::File.store().await.expect("a file");
    for kill in 0..kills {
        if kill % 4 == 3 {
            store = Kind::File.store().await.expect("a file");
        }
        let mut writer = begin(&store, &files);
        let pause = Duration::from_millis(random.between(20, 900).unsigned_abs());
        tokio::time::sleep(pause).await;
        let seen = written(&store).await;
        // SIGKILL: nothing of the process gets to run.
        writer.kill().expect("killed");
        writer.wait().expect("a child");
        let left = written(&store).await;
        assert!(left >= seen, "kill {kill}: the clock went back from {seen:?} to {left:?}");
        assert_whole(&store).await;
    }
    replay(store.url(), &files, &[]).ok();
    let got = tables(&store).await;
    assert!(got == want, "after {kills} kills: {:?}", first_difference(&got, &want));
}

/// The system refuses to let a file grow past a limit, as it does when the disk is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_what_was_written_and_the_rest_can_follow() {
    let Some(files) = tape() else { return };
    let store = Kind::File.store().await.expect("a file");
    onetape(&["db", "setup", "--store", store.url()]).ok();
    let mut writer = Command::new("sh");
    writer.args(["-c", r#"trap '' XFSZ; ulimit -f 1000; exec "$0" "$@""#, env!("CARGO_BIN_EXE_onetape")]);
    writer.args(["replay", "--batch-size", "100", "--store", store.url()]).args(&files);
    writer.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut writer = writer.spawn().expect("a shell runs");
    let mut log = std::io::BufReader::new(writer.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("the file system reported an error") && !line.contains("the disk is full") {
        line.clear();
        assert!(
            std::io::BufRead::read_line(&mut log, &mut line).expect("text") > 0,
            "it ended without a word of it"
        );
    }
    let stuck = written(&store).await.expect("some of it was written");
    assert_whole(&store).await;
    writer.kill().expect("killed");
    writer.wait().expect("a child");
    assert_eq!(written(&store).await, Some(stuck), "what was retried in vain left nothing");
    let undisturbed = Kind::File.store().await.expect("a file");
    replay(undisturbed.url(), &files, &[]).ok();
    assert!(written(&undisturbed).await > Some(stuck), "the limit was below the tape");
    replay(store.url(), &files, &[]).ok();
    assert!(tables(&store).await == tables(&undisturbed).await, "a full disk changed the tables");
}

/// Where the clock stands, as another process sees it; none where there is no file yet, or nothing in it.
async fn written(store: &TestStore) -> Option<Timestamp> {
    let store = SqliteStore::open_existing(path(store)).await.ok()?;
    let flushed = store.flushed(&instrument()).await.expect("read");
    store.close().await;
    flushed
}

async fn assert_whole(store: &TestStore) {
    let path = path(store);
    if !path.exists() {
        return;
    }
    let mut connection =
        SqliteConnectOptions::new().filename(path).connect().await.expect("the file can be opened");
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut connection).await.expect("checked");
    assert_eq!(found, ["ok"]);
}
