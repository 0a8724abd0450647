//! What happens to the store's server and to the network before it, until somebody ends it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use onetape_simulator::proxy::{Condition, Direction, Proxy};
use onetape_testkit::generator::Rng;
use tokio::process::Command;
use tokio::task::JoinSet;
use url::Url;

/// How often each fault was injected.
pub(crate) type Counts = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// Everything that disturbs the store, at work until it is dropped or ended.
pub(crate) struct Disturbances {
    tasks: JoinSet<Result<()>>,
    proxy: Option<Arc<Proxy>>,
    counts: Counts,
}

impl Disturbances {
    /// Begins to disturb what is there: a network with a proxy, a server with a program.
    pub(crate) fn begin(proxied: &Proxied, program: &[String], seed: u64) -> Self {
        let (mut tasks, counts) = (JoinSet::new(), Counts::default());
        if let Some(proxy) = proxied.proxy.clone() {
            tasks.spawn(disturb_network(proxy, seed, counts.clone()));
        }
        if let [program, arguments @ ..] = program {
            tasks.spawn(disturb_server(program.clone(), arguments.to_vec(), seed, counts.clone()));
        }
        Self { tasks, proxy: proxied.proxy.clone(), counts }
    }

    /// Ends them, with everything as it should be; gives what was done.
    ///
    /// # Errors
    /// When one of them could not be done.
    pub(crate) async fn end(mut self) -> Result<BTreeMap<&'static str, u64>> {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(outcome) = ended {
                outcome?;
            }
        }
        self.proxy.iter().for_each(|proxy| proxy.set(Condition::Open));
        Ok(self.counts.lock().expect("nobody panics with it").clone())
    }
}

fn count(counts: &Counts, what: &'static str) {
    *counts.lock().expect("nobody panics with it").entry(what).or_default() += 1;
}

/// The way to the store: through a proxy where it is a server.
pub(crate) struct Proxied {
    pub(crate) url: String,
    proxy: Option<Arc<Proxy>>,
}

impl Proxied {
    pub(crate) async fn new(store: &str) -> Result<Self> {
        let mut url = Url::parse(store)?;
        if url.scheme() == "sqlite" {
            return Ok(Self { url: store.to_owned(), proxy: None });
        }
        let server: SocketAddr = format!("127.0.0.1:{}", url.port().unwrap_or(5432)).parse()?;
        let proxy = Proxy::start(server).await?;
        url.set_port(Some(proxy.address().port())).ok().context("the URL of a server has a port")?;
        Ok(Self { url: url.to_string(), proxy: Some(Arc::new(proxy)) })
    }
}

/// Disturbs the network every few seconds.
async fn disturb_network(proxy: Arc<Proxy>, seed: u64, counts: Counts) -> Result<()> {
    let mut rng = Rng::new(seed ^ 0xbad);
    loop {
        tokio::time::sleep(Duration::from_millis(rng.between(1_000, 5_000).unsigned_abs())).await;
        let lasting = Duration::from_millis(rng.between(100, 1_500).unsigned_abs());
        count(&counts, "faults of the network to the database");
        let condition = match rng.between(0, 5) {
            0 => {
                proxy.cut_after(Direction::ToServer, rng.between(0, 50_000).unsigned_abs());
                continue;
            }
            1 => {
                proxy.cut_after(Direction::ToClient, rng.between(0, 2_000).unsigned_abs());
                continue;
            }
            2 => Condition::Held(Direction::ToClient),
            3 => Condition::BlackHole,
            4 => Condition::Delayed(Duration::from_millis(20)),
            _ => {
                proxy.cut();
                Condition::Refused
            }
        };
        proxy.set(condition);
        tokio::time::sleep(lasting).await;
        proxy.set(Condition::Open);
    }
}

/// Ends the sessions of the server, or stops it at once and starts it again, every few seconds.
async fn disturb_server(program: String, arguments: Vec<String>, seed: u64, counts: Counts) -> Result<()> {
    let mut rng = Rng::new(seed ^ 0xdb);
    loop {
        tokio::time::sleep(Duration::from_millis(rng.between(4_000, 12_000).unsigned_abs())).await;
        let (what, counted) = if rng.per_mille(600) {
            ("terminate", "times all sessions of the database ended")
        } else {
            ("restart", "times the database server was stopped at once")
        };
        let mut command = Command::new(&program);
        // Whatever ends this: what was begun is finished.
        let output = command.args(&arguments).arg(what).stdin(Stdio::null()).output();
        let output = output.await.with_context(|| program.clone())?;
        ensure!(
            output.status.success(),
            "{program} {what} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        count(&counts, counted);
    }
}
