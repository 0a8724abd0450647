//! Runs the venue, starts and kills the processes that collect it, and has the outcome looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use onetape::memory::SystemClock;
use onetape::ports::WallClock as _;
use onetape::prelude::*;
use onetape_simulator::{Faults, Simulator};
use onetape_testkit::generator::{self, Rng};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::account::{self, Account};
use crate::disk::Disk;
use crate::disturb::{Disturbances, Proxied};
use crate::{Settings, check};

/// Memory that a process may take, in KiB: the budget of the design for 50 instruments.
const MAX_KIB: u64 = 256 << 10;
/// Real seconds at the end in which nothing is disturbed: what is lost without anything after it is not known to be.
const QUIET_END: u32 = 4;
/// How long the venue waits for a client that takes nothing, in real time.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a process takes to notice that its journal cannot be written.
const NOTICED: Duration = Duration::from_secs(30);

/// Runs a market to its end and compares.
pub(crate) async fn run(settings: &Settings) -> Result<Account> {
    let temporary = tempfile::tempdir()?;
    let folder = settings.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    ensure!(std::fs::read_dir(&folder)?.next().is_none(), "{} is not empty", folder.display());
    let names = ["binance:ETH/USDT", "binance:BTC/USDT", "binance:ETH/USDT:USDT"];
    let instruments = names.iter().map(|name| name.parse()).collect::<Result<Vec<Instrument>, _>>()?;
    let length = Duration::from_secs(60 * u64::from(settings.minutes));
    let mut faults = Faults::mixed(settings.seed, length, Duration::from_secs(25), &instruments);
    faults.events.retain(|event| event.after < settings.disturbed());
    let mut builder =
        Simulator::builder().faults(faults).speed(settings.speed).begin_with(0).patience(PATIENCE);
    for (number, instrument) in (0..).zip(&instruments) {
        let market = generator::Market::new(instrument.clone(), settings.seed * 10 + number);
        builder = builder.market(&generator::Market { seconds: 60 * settings.minutes, ..market });
    }
    let store =
        settings.store.clone().unwrap_or_else(|| format!("sqlite://{}", folder.join("soak.db").display()));
    // What is collected is years old.
    onetape::setup_with(&store, &keep_everything(settings.store.is_some())).await?;
    let proxied = Proxied::new(&store).await?;
    let simulator = builder.start().await?;
    let stage = Stage {
        settings,
        folder: &folder,
        store: &proxied.url,
        simulator: &simulator,
        instruments: &instruments,
        disk: Disk::mount(folder.join("disk"))?,
    };
    let mut account = Account {
        title: format!(
            "seed {}, {} minutes of market at {} times the speed, {}",
            settings.seed,
            settings.minutes,
            settings.speed,
            if settings.store.is_some() { "a database server" } else { "a SQLite file" },
        ),
        ..Account::default()
    };
    let disturbances = Disturbances::begin(&proxied, &settings.server_faults, settings.seed);
    stage.live_and_die(&mut account, disturbances).await?;
    account.venue = simulator.report();
    ensure!(
        account.venue.breaches.is_empty(),
        "the venue's limits were not kept: {:?}",
        account.venue.breaches
    );
    ensure!(account.peak_kib <= MAX_KIB, "a process took {} KiB of memory", account.peak_kib);
    account.found = check::compare(&store, &stage.frames(), &simulator, &instruments).await?;
    Ok(account)
}

/// Settings under which nothing is too old.
fn keep_everything(is_server: bool) -> String {
    let usual =
        if is_server { onetape::timescale::DEFAULT_SETTINGS } else { onetape::sqlite::DEFAULT_SETTINGS };
    let line = |line: &str| {
        let kept = if line.starts_with("retain_for") { "retain_for = \"forever\"" } else { line };
        format!("{kept}\n")
    };
    usual.lines().map(line).collect()
}

impl Settings {
    /// Until when anything is disturbed, in market time from the beginning.
    fn disturbed(&self) -> Duration {
        let quiet = QUIET_END * self.speed;
        Duration::from_secs((60 * self.minutes).saturating_sub(quiet).into())
    }
}

/// What all processes of a run have in common.
struct Stage<'a> {
    settings: &'a Settings,
    folder: &'a Path,
    store: &'a str,
    simulator: &'a Simulator,
    instruments: &'a [Instrument],
    /// Where the journal is, if there can be a disk of its own.
    disk: Option<Disk>,
}

impl Stage<'_> {
    fn frames(&self) -> PathBuf {
        self.folder.join("frames")
    }

    /// One process after the other, each ended at a moment of market time: most are killed, some find their disk full, and
    /// the last one is ended in order, once nothing is disturbed any more. Some are stopped for a while before.
    async fn live_and_die(&self, account: &mut Account, disturbances: Disturbances) -> Result<()> {
        let mut rng = Rng::new(self.settings.seed ^ 0xdead);
        let clock = self.simulator.clock();
        let begins = clock.now();
        let end = i64::try_from(self.settings.disturbed().as_secs())?;
        let mut at = rng.between(10, 40);
        while at < end {
            let mut life = self.begin(account.lives)?;
            let (is_paused, lasting, is_full) = (rng.per_mille(350), rng.between(15, 40), rng.per_mille(250));
            if is_paused && at + lasting < end {
                clock.wait_until(begins.plus(at * 1_000_000)).await;
                at += lasting;
                life.signal("STOP")?;
                account.pauses += 1;
                clock.wait_until(begins.plus(at * 1_000_000)).await;
                life.signal("CONT")?;
                at += rng.between(5, 15);
            }
            clock.wait_until(begins.plus(at.min(end) * 1_000_000)).await;
            account.peak_kib = account.peak_kib.max(life.peak_kib());
            match self.disk.as_ref().filter(|_| is_full) {
                Some(disk) => {
                    disk.fill()?;
                    life.fail().await?;
                    disk.clear()?;
                    account.full_disks += 1;
                }
                None => {
                    life.kill().await?;
                    account.kills += 1;
                }
            }
            account.lives += 1;
            account.add(&life.counts());
            at += rng.between(15, 70);
        }
        let mut life = self.begin(account.lives)?;
        self.simulator.ended().await;
        account.disturbances = disturbances.end().await?;
        account.peak_kib = account.peak_kib.max(life.peak_kib());
        life.end().await?;
        account.lives += 1;
        account.add(&life.counts());
        Ok(())
    }

    fn begin(&self, number: u64) -> Result<Life> {
        let mut command = Command::new(std::env::current_exe()?);
        let (market_time, machine_time) = (self.simulator.clock().now(), SystemClock::default().now());
        command.arg("work").args(["--seed", &(self.settings.seed * 1_000 + number).to_string()]);
        command.args(["--store", self.store]);
        let journal = self.disk.as_ref().map_or(self.folder, Disk::path).join("journal");
        command.arg("--journal").arg(journal).arg("--frames").arg(self.frames());
        command.args(["--market-time", &market_time.micros().to_string()]);
        command.args(["--machine-time", &machine_time.micros().to_string()]);
        command.args(["--speed", &self.settings.speed.to_string()]);
        if self.settings.no_repair {
            command.arg("--no-repair");
        }
        for market in [Market::Spot, Market::Usdm] {
            let (websocket, rest) = (self.simulator.ws_url(market), self.simulator.rest_url(market));
            command.args(["--venue", &market.to_string(), &websocket, &rest]);
        }
        for instrument in self.instruments {
            command.args(["--instrument", &instrument.to_string()]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Life::new(command.spawn()?)
    }
}

/// A process that collects.
struct Life {
    child: Child,
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
    hearing: JoinHandle<()>,
    errors: JoinHandle<String>,
}

impl Life {
    fn new(mut child: Child) -> Result<Self> {
        let counts: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
        let heard = counts.clone();
        let output = child.stdout.take().context("piped")?;
        let hearing = tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                account::hear(&line, &mut heard.lock().expect("nobody panics with it"));
            }
        });
        let mut stderr = child.stderr.take().context("piped")?;
        let errors = tokio::spawn(async move {
            let mut text = String::new();
            // What could be read of it is shown.
            let _ = stderr.read_to_string(&mut text).await;
            text
        });
        Ok(Self { child, counts, hearing, errors })
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().expect("nobody panics with it").clone()
    }

    /// Largest resident memory so far; 0 where the system does not tell.
    fn peak_kib(&self) -> u64 {
        let Some(id) = self.child.id() else { return 0 };
        onetape_testkit::memory::peak_bytes(id).unwrap_or(0) / 1_024
    }

    fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().context("it has ended")?;
        let status =
            std::process::Command::new("kill").args([format!("-{name}"), id.to_string()]).status()?;
        ensure!(status.success(), "a process takes no signal: {status}");
        Ok(())
    }

    /// Waits until it ends because its journal cannot be written.
    async fn fail(&mut self) -> Result<()> {
        // Waiting would close it, and the process would end in order.
        let _input = self.child.stdin.take();
        let status = tokio::time::timeout(NOTICED, self.child.wait()).await;
        let status = status.context("a process does not notice that the disk of its journal is full")??;
        (&mut self.hearing).await?;
        let errors = (&mut self.errors).await?;
        ensure!(
            !status.success() && errors.contains("free some space"),
            "on a full disk, {status}: {errors}"
        );
        Ok(())
    }

    /// SIGKILL: nothing of the process gets to run.
    async fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("a process ended by itself, {status}: {}", (&mut self.errors).await?);
        }
        self.child.kill().await?;
        Ok((&mut self.hearing).await?)
    }

    async fn end(&mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        let status = status.context("the last process does not end")??;
        (&mut self.hearing).await?;
        ensure!(status.success(), "the last process ended with {status}: {}", (&mut self.errors).await?);
        Ok(())
    }
}
