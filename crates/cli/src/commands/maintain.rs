//! `onetape maintain`: what the settings demand of rows that grow old, once or again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use futures::future::{BoxFuture, FutureExt as _};
use onetape::timescale::Maintained;
use onetape::{AuditScope, Check, Health, Maintenance};

use crate::args::MaintainArgs;
use crate::context::Context;
use crate::hint::hinted;
use crate::output::say;
use crate::telemetry::{self, Probe};

pub(crate) async fn run(args: MaintainArgs, context: Context) -> anyhow::Result<()> {
    let store = context.with_store(&args.store)?.address_of_existing()?;
    match args.every {
        None => match once(&args, &store, AuditScope::Everything).await? {
            0 => Ok(()),
            differences => {
                let differ =
                    anyhow!("{differences} candles differ from their parts rolled up, as reported above");
                Err(hinted(
                    differ,
                    "replay the tape of those periods again, then run `onetape maintain` again",
                ))
            }
        },
        Some(pause) => again_and_again(&args, &store, pause).await,
    }
}

/// The first run compares everything, the later ones what may still change. A run that fails is followed by the
/// next: the server may be back by then.
async fn again_and_again(args: &MaintainArgs, store: &str, pause: Duration) -> anyhow::Result<()> {
    let last = Arc::new(LastRun::default());
    if let Some(address) = args.metrics {
        let served = telemetry::serve(address, last.clone()).await;
        served.with_context(|| format!("metrics cannot be served at {address}"))?;
    }
    let mut audit = AuditScope::Everything;
    loop {
        let outcome = tokio::select! {
            outcome = once(args, store, audit) => outcome,
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        };
        last.note(&outcome);
        match outcome {
            Ok(_) => audit = AuditScope::Recent,
            Err(error) => tracing::error!("a run failed, the next is in {pause:?}: {error:#}"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        }
    }
}

/// How the last run ended: what a process that maintains says of its health.
#[derive(Debug, Default)]
struct LastRun(Mutex<Option<Result<(), String>>>);

impl LastRun {
    fn note(&self, outcome: &anyhow::Result<u64>) {
        let outcome = outcome.as_ref().map(drop).map_err(|error| format!("{error:#}"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

impl Probe for LastRun {
    fn liveness(&self) -> Health {
        Health::default()
    }

    fn readiness(&self) -> BoxFuture<'_, Health> {
        let check = match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(())) => Check::fine("runs", "the last one is done".to_owned()),
            Some(Err(error)) => Check::wrong("runs", error.clone()),
            None => Check::wrong("runs", "the first one is under way".to_owned()),
        };
        std::future::ready(Health { checks: vec![check] }).boxed()
    }
}

/// One run and its report; the number of candles that differ.
async fn once(args: &MaintainArgs, store: &str, audit: AuditScope) -> anyhow::Result<u64> {
    let (text, json, differences) = match onetape::maintain(store, audit).await? {
        Maintenance::Timescale(Maintained::Busy(holder)) => {
            let text = format!("nothing done: maintenance is under way by {holder}");
            (text, serde_json::json!({ "busy": holder }), 0)
        }
        Maintenance::Timescale(Maintained::Done(report)) => {
            (report.to_string(), serde_json::to_value(&report)?, report.differences())
        }
        // Nothing is rolled up in a file, so nothing can differ.
        Maintenance::Sqlite(report) => (report.to_string(), serde_json::to_value(&report)?, 0),
        _ => bail!("this build cannot show what maintenance of that store did"),
    };
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&json)?)?;
    } else {
        say!("{text}")?;
    }
    Ok(differences)
}
