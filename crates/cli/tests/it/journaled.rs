//! A live feed into a store with a journal, killed at any moment: what was acknowledged is never asked for again, and the
//! tables are those of a run that nobody disturbed.
//!
//! `ONETAPE_KILLS=200 cargo nextest run -p onetape-cli -E 'test(journaled)'` kills more often.
#![expect(clippy::print_stdout, reason = "a child process tells its parent")]

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use onetape::domain::venue::VenueRules;
use onetape::exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape::journal::JournalOptions;
use onetape::ports::{Feed, FeedError, FeedEvent, MarketStore};
use onetape::prelude::*;
use onetape_testkit::dump::{dump, first_difference};
use onetape_testkit::generator::Rng;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::support::{Kind, TestStore, tape};

/// Kills of a test run that says nothing else.
const KILLS: u64 = 10;

/// What the child process is told: store, journal, and how many events were acknowledged.
const TOLD: [&str; 3] = ["ONETAPE_CHILD_STORE", "ONETAPE_CHILD_JOURNAL", "ONETAPE_CHILD_DONE"];

/// A feed that cannot be read twice: it delivers what follows the acknowledged events, and says what is acknowledged.
#[derive(Debug)]
struct Live {
    tape: TapeFeed<BinanceParser>,
    skip: usize,
    delivered: usize,
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a live feed")
    }
}

#[async_trait]
impl Feed for Live {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        // Being asked for more says that what was delivered is on the disk.
        println!("acknowledged {}", self.delivered);
        loop {
            let mut read = Vec::new();
            let more = self.tape.next_batch(&mut read, limit.min(200)).await?;
            let skipped = self.skip.min(read.len());
            self.skip -= skipped;
            self.delivered += read.len();
            events.extend(read.into_iter().skip(skipped));
            if !more || !events.is_empty() {
                return Ok(more);
            }
        }
    }

    fn want_books(&mut self, _: &[Instrument]) {}

    fn rules(&self) -> VenueRules {
        VenueRules::BINANCE_SPOT
    }

    fn progress(&self) -> (u64, Option<u64>) {
        self.tape.progress()
    }
}

/// Runs the live feed to its end; returns how many events it delivered.
async fn collect(store: &str, journal: &Path, done: usize) -> usize {
    let Some(files) = tape() else { return 0 };
    let config = PipelineConfig { journal_segment_bytes: 256 << 10, ..PipelineConfig::default() };
    let tape = Onetape::builder(store).pipeline_config(config).journal(journal, JournalOptions::default());
    let tape = tape.open().await.expect("opened");
    let parser = BinanceParser::new(Market::Spot);
    let inner = TapeFeed::open(files.to_vec(), parser, TapeOptions::default()).expect("the tape");
    let mut feed = Live { tape: inner, skip: done, delivered: 0 };
    tape.ingestion().run(&mut feed).await.expect("run");
    tape.close(Duration::from_secs(60)).await.expect("closed");
    feed.delivered
}

/// The child process of the tests below; by itself, a run that nobody disturbs.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_a_journal_is_a_run_without_one() {
    if let [Ok(store), Ok(journal), Ok(done)] = TOLD.map(std::env::var) {
        collect(&store, Path::new(&journal), done.parse().expect("a number")).await;
        return;
    }
    let Some(want) = undisturbed().await else { return };
    let (store, folder) = (Kind::File.store().await.expect("a file"), tempfile::tempdir().expect("a folder"));
    assert!(collect(store.url(), folder.path(), 0).await > 50_000);
    let got = tables(&store).await;
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_over_a_file_it_loses_nothing_and_doubles_nothing() {
    killed_over(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_over_a_server_it_loses_nothing_and_doubles_nothing() {
    killed_over(Kind::Server).await;
}

/// Lets every COMMIT that moves a clock wait for a lock, as it waits on a slow way or a slow disk.
const SLOW_COMMIT: &str = "
    CREATE FUNCTION wait_before_commit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4242); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait_before_commit AFTER INSERT OR UPDATE ON instrument_clock
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_before_commit();
";

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_its_first_commit_is_on_its_way_it_loses_nothing() {
    killed_in_commit(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_commit_is_on_its_way_it_loses_nothing() {
    killed_in_commit(1).await;
}

/// Kills a process whose COMMIT the server has not done, and lets it do that once the next process waits.
async fn killed_in_commit(clocks: i64) {
    let Some(want) = undisturbed().await else { return };
    let Some(store) = Kind::Server.store().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = PgConnection::connect(store.url()).await.expect("connected");
    server.execute(SLOW_COMMIT).await.expect("a trigger");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    if clocks == 0 {
        server.execute("SELECT pg_advisory_lock(4242)").await.expect("locked");
    }
    let mut child = begin(store.url(), folder.path(), 0);
    if clocks > 0 {
        until(&mut server, "SELECT count(*) FROM instrument_clock", clocks).await;
        server.execute("SELECT pg_advisory_lock(4242)").await.expect("locked");
    }
    until(&mut server, waiting, 1).await;
    child.kill().expect("killed");
    let (done, is_over) = tokio::task::block_in_place(|| finish(child));
    assert!(!is_over, "it came to its end");
    let child = begin(store.url(), folder.path(), done);
    until(&mut server, waiting, 2).await;
    server.execute("SELECT pg_advisory_unlock(4242)").await.expect("unlocked");
    let (_, is_over) = tokio::task::block_in_place(|| finish(child));
    assert!(is_over, "the next one was killed");
    let got = tables(&store).await;
    assert!(got == want, "{:?}", first_difference(&got, &want));
}

/// Waits until the server counts so many.
async fn until(server: &mut PgConnection, count: &'static str, many: i64) {
    let mut last = 0;
    for _ in 0..3_000 {
        last = sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *server).await.expect("counted");
        if last >= many {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{last} instead of {many}: {count}");
}

async fn killed_over(kind: Kind) {
    let Some(want) = undisturbed().await else { return };
    let Some(mut store) = kind.store().await else { return };
    let mut folder = tempfile::tempdir().expect("a folder");
    let kills = std::env::var("ONETAPE_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut random = Rng::new(std::process::id().into());
    let (mut done, mut killed, mut ended) = (0, 0, 0);
    while killed < kills || ended == 0 {
        let mut child = begin(store.url(), folder.path(), done);
        let pause = Duration::from_millis(random.between(100, 1_500).unsigned_abs());
        tokio::time::sleep(pause).await;
        if killed < kills && child.try_wait().expect("a child").is_none() {
            // SIGKILL: nothing of the process gets to run.
            child.kill().expect("killed");
            killed += 1;
        }
        let (acknowledged, is_over) = tokio::task::block_in_place(|| finish(child));
        done = done.max(acknowledged);
        if is_over {
            let got = tables(&store).await;
            assert!(got == want, "after {killed} kills: {:?}", first_difference(&got, &want));
            ended += 1;
            if killed < kills {
                store = kind.store().await.expect("another store");
                folder = tempfile::tempdir().expect("a folder");
                done = 0;
            }
        }
    }
}

fn begin(store: &str, journal: &Path, done: usize) -> Child {
    let name = "journaled::a_run_with_a_journal_is_a_run_without_one";
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args([name, "--exact", "--nocapture"]);
    let journal = journal.to_str().expect("a path");
    command.envs(TOLD.into_iter().zip([store, journal, &done.to_string()]));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

/// The last acknowledgement of a child, and whether it came to its end.
fn finish(mut child: Child) -> (usize, bool) {
    let mut acknowledged = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some(count) = line.strip_prefix("acknowledged ") {
            // A line may be cut by the kill.
            acknowledged = count.parse().unwrap_or(acknowledged).max(acknowledged);
        }
    }
    let status = child.wait().expect("a child");
    let mut errors = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut errors).expect("text");
    assert!(status.success() || status.code().is_none(), "{errors}");
    (acknowledged, status.success())
}

/// The tables of a replay without a journal.
async fn undisturbed() -> Option<String> {
    let files = tape()?;
    let tape = Onetape::open("memory:").await.expect("opened");
    let mut feed = TapeFeed::open(files.to_vec(), BinanceParser::new(Market::Spot), TapeOptions::default())
        .expect("the tape");
    tape.ingestion().run(&mut feed).await.expect("run");
    Some(dump_of(&**tape.store()).await)
}

async fn tables(store: &TestStore) -> String {
    let tape = Onetape::open(store.url()).await.expect("opened");
    dump_of(&**tape.store()).await
}

async fn dump_of(store: &dyn MarketStore) -> String {
    dump(store, &"binance:ETH/USDT".parse().expect("instrument")).await.expect("dump")
}
