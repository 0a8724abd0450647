//! Imports that are killed at any moment, beside a tape that was there before and one that goes on meanwhile.
//!
//! `ONETAPE_KILLS=50 cargo nextest run -p onetape-cli -E 'test(import_killed)'` kills more often.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use onetape::memory::SystemClock;
use onetape::ports::WallClock as _;
use onetape_testkit::generator::Rng;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};

use crate::import::{cache, import, json};
use crate::support::{Home, Kind, Ran, TestStore, lines, replay, tape, write};
use crate::whole::Whole;

/// Messages that are on the tape before, and those that follow meanwhile.
const BEFORE: usize = 3_000;
const MEANWHILE: usize = 3_000;
/// The record of a run, which stays when it is removed.
const RECORD: [&str; 4] = ["import_runs", "import_tables", "import_parts", "import_refused_rows"];

/// The inputs.
struct Scene {
    kind: Kind,
    cache: String,
    before: PathBuf,
    meanwhile: PathBuf,
    home: Home,
}

impl Scene {
    fn new(kind: Kind) -> Option<Self> {
        let cache = cache("pandas-2.2.3")?.to_str().expect("text").to_owned();
        let (home, lines) = (Home::new(), lines(&tape()?));
        let cut = |name, lines: &[String]| write(home.path(), name, lines.iter().cloned());
        let before = cut("before", &lines[..BEFORE]);
        let meanwhile = cut("meanwhile", &lines[BEFORE..BEFORE + MEANWHILE]);
        Some(Self { kind, cache, before, meanwhile, home })
    }

    /// A store with a tape in it.
    async fn store(&self) -> Option<TestStore> {
        let store = self.kind.store().await?;
        goes_on(&store, &self.before);
        Some(store)
    }

    /// An import that a kill may meet anywhere: many small transactions.
    fn args<'a>(&'a self, store: &'a TestStore) -> [&'a str; 8] {
        ["import", "run", &self.cache, "--batch-rows", "40", "--json", "--store", store.url()]
    }

    /// Ends a command in the midst of it.
    fn kill(&self, args: &[&str], moment: Duration) {
        let mut command = self.home.command();
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        std::thread::sleep(moment);
        child.kill().expect("killed");
        child.wait().expect("a child");
    }

    /// Takes a run out, whose first attempt is killed too.
    fn roll_back(&self, store: &TestStore, run: &str, moment: Duration) {
        let args = ["import", "rollback", run, "--store", store.url()];
        self.kill(&args, moment);
        self.home.onetape(&args).ok();
    }
}

fn goes_on(store: &TestStore, tape: &Path) {
    replay(store.url(), &[tape.to_owned()], &[]).ok();
}

async fn killed_at_any_moment(kind: Kind, kills: u64) {
    let kills = std::env::var("ONETAPE_KILLS").map_or(kills, |kills| kills.parse().expect("a number"));
    let Some(scene) = Scene::new(kind) else { return };
    let Some(undisturbed) = scene.store().await else { return };
    let before = Whole::of(&undisturbed).await;
    let clock = SystemClock::default();
    let begun = clock.monotonic_micros();
    let whole = json(&scene.home.onetape(&scene.args(&undisturbed)).ok());
    let took = clock.monotonic_micros() - begun;
    let run = whole["run"].as_str().expect("a name");
    let expected = Whole::of(&undisturbed).await;
    assert!(expected.rows() > before.rows() + 4_000, "{} rows", expected.rows());
    let with_more = scene.store().await.expect("as before");
    goes_on(&with_more, &scene.meanwhile);
    let after = Whole::of(&with_more).await.without(&RECORD);
    let mut rng = Rng::new(std::process::id().into());
    let (mut met, mut removed) = (0, 0);
    for kill in 0..kills {
        let store = scene.store().await.expect("as before");
        let mut moment = |most: i64| Duration::from_micros(rng.between(0, most).unsigned_abs());
        scene.kill(&scene.args(&store), moment(took));
        let runs = import(&store, &["status"]).ok();
        met += u64::from(runs.contains("running"));
        if kill % 2 == 1 && runs.contains(run) {
            removed += 1;
            if kill % 4 == 1 {
                scene.roll_back(&store, run, moment(took / 4));
                let rolled_back = Whole::of(&store).await.without(&RECORD);
                rolled_back.assert_is(&before.clone().without(&RECORD), &format!("kill {kill}, rolled back"));
                goes_on(&store, &scene.meanwhile);
            } else {
                goes_on(&store, &scene.meanwhile);
                scene.roll_back(&store, run, moment(took / 4));
            }
            let rolled_back = Whole::of(&store).await.without(&RECORD);
            rolled_back.assert_is(&after, &format!("kill {kill}, rolled back, the tape went on"));
            continue;
        }
        // Beginning it again goes on, and so does resuming it.
        let report = if kill % 4 == 2 && runs.contains("running") {
            import(&store, &["resume", "--json"]).ok()
        } else {
            scene.home.onetape(&scene.args(&store)).ok()
        };
        let tables = |report: &Value| report["tables"].clone();
        assert_eq!(tables(&json(&report)), tables(&whole), "kill {kill}");
        Whole::of(&store).await.assert_is(&expected, &format!("kill {kill}, gone on with"));
    }
    eprintln!("{met} of {kills} kills met the import under way, {removed} imports were rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_into_a_file_goes_on_or_goes_away() {
    killed_at_any_moment(Kind::File, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_into_a_server_goes_on_or_goes_away() {
    killed_at_any_moment(Kind::Server, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_an_import_after_its_batch_and_says_how_to_go_on() {
    let Some(scene) = Scene::new(Kind::File) else { return };
    let undisturbed = scene.store().await.expect("a file");
    scene.home.onetape(&scene.args(&undisturbed)).ok();
    let store = scene.store().await.expect("a file");
    let mut command = scene.home.command();
    // A transaction a row: seconds of them.
    command.args(["import", "run", &scene.cache, "--batch-rows", "1", "--store", store.url()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    while !import(&store, &["status"]).ok().contains("running") {
        assert_eq!(child.try_wait().expect("a child"), None, "it ended before it was under way");
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    let ran: Ran = child.wait_with_output().expect("a child").into();
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.out.contains("(not to its end)"), "{}", ran.out);
    let runs = import(&store, &["status"]).ok();
    let run = runs.split_whitespace().next().expect("a run");
    for told in ["interrupted after ", &format!("`onetape import resume {run}` goes on from there")] {
        assert!(ran.err.contains(told), "{told} is not in\n{}", ran.err);
    }
    assert!(import(&store, &["resume", run]).ok().contains(&format!("run {run} is finished")));
    Whole::of(&store).await.assert_is(&Whole::of(&undisturbed).await, "gone on with after Ctrl-C");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_does_not_wait() {
    let Some(scene) = Scene::new(Kind::File) else { return };
    let store = scene.store().await.expect("a file");
    let mut command = scene.home.command();
    command.args(["import", "run", &scene.cache, "--batch-rows", "1", "--store", store.url()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    while !import(&store, &["status"]).ok().contains("running") {
        assert_eq!(child.try_wait().expect("a child"), None, "it ended before it was under way");
    }
    // Nothing can be written from here on, and so the batch under way does not end.
    let path = store.url().strip_prefix("sqlite://").expect("a file");
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(60));
    let mut holder = options.connect().await.expect("opened");
    holder.execute("BEGIN IMMEDIATE").await.expect("it is the writer's turn");
    while child.try_wait().expect("a child").is_none() {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.is_ok(), "kill runs");
    }
    let ran: Ran = child.wait_with_output().expect("a child").into();
    assert_eq!(ran.code, 130, "{}", ran.err);
    assert!(ran.err.contains("interrupted again"), "{}", ran.err);
    holder.execute("ROLLBACK").await.expect("rolled back");
    assert!(import(&store, &["resume"]).ok().contains(" is finished"));
}
