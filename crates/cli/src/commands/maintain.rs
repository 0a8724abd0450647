//! `onetape maintain`: what the settings demand of rows that grow old, once or again and again.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use onetape::timescale::Maintained;
use onetape::{AuditScope, Maintenance};

use crate::args::MaintainArgs;
use crate::context::Context;
use crate::hint::hinted;
use crate::output::say;

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
    if let Some(address) = args.metrics {
        serve_metrics(address).with_context(|| format!("metrics cannot be served at {address}"))?;
    }
    let mut audit = AuditScope::Everything;
    loop {
        let outcome = tokio::select! {
            outcome = once(args, store, audit) => outcome,
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        };
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

/// From here on, whoever asks gets what the runs have recorded.
fn serve_metrics(address: SocketAddr) -> anyhow::Result<()> {
    let duration = Matcher::Full(onetape::DURATION_METRIC.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(duration, &onetape::DURATION_BUCKETS)?
        .with_http_listener(address)
        .install()?;
    onetape::describe_metrics();
    tracing::info!("metrics are at http://{address}/metrics");
    Ok(())
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
