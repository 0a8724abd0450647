//! `onetape gaps repair`: trades that are missing are fetched from the venue.

use std::time::Duration;

use anyhow::anyhow;
use onetape::GapsOfInstrument;
use onetape::domain::coverage::HoleState;
use onetape::domain::trade::TradeKind;
use onetape::exchanges::live::{BinanceHistory, LiveConfig, Trades, market_of};
use onetape::ingestion::{GapOutcome, RepairOptions, RepairReport};
use onetape::prelude::*;

use super::{named, of_named};
use crate::args::RepairArgs;
use crate::commands::collect::{api_key, open_store};
use crate::context::Context;
use crate::hint::hinted;
use crate::output::colours::Tint;
use crate::output::grid::{Cell, Grid};
use crate::output::quantities::count;
use crate::output::say;

/// A clock that is older is one that nobody seems to write.
const RECENT: i64 = 60_000_000;

/// A writer shows within this time, since it writes every few seconds.
const LOOK: Duration = Duration::from_secs(6);

/// How long is looked where the clock is old.
const GLANCE: Duration = Duration::from_millis(500);

/// How long a store may take to let go.
const SHUTDOWN: Duration = Duration::from_secs(60);

pub(super) async fn run(args: RepairArgs, context: Context) -> anyhow::Result<()> {
    let mut context = context.with_store(&args.store)?;
    if let Some(folder) = &args.journal {
        context.config.set("collect.journal", &folder.display().to_string(), "--journal")?;
    }
    context.address_of_existing()?;
    let wanted = named(&args.instruments, &context)?;
    let tape = if args.dry_run {
        context.open_to_read().await?
    } else {
        // What a journal holds of a writer that died comes first: it is older than any repair.
        open_store(&context, context.config.collect()).await?
    };
    let mut gaps = of_named(&tape, &wanted, None).await?;
    gaps.iter_mut().for_each(|one| one.gaps.retain(|gap| gap.state == HoleState::Open));
    gaps.retain(|one| !one.gaps.is_empty());
    if args.dry_run {
        return plan(&gaps, args.json);
    }
    let repaired = repair(&tape, &gaps, &args, &context).await;
    let closed = tape.close(SHUTDOWN).await;
    let (report, without_history) = repaired?;
    closed?;
    print(&report, &without_history, args.json)
}

/// What would be asked for.
fn plan(gaps: &[GapsOfInstrument], json: bool) -> anyhow::Result<()> {
    if json {
        say!("{}", onetape::domain::canonical::to_string(&gaps)?)?;
        return Ok(());
    }
    if gaps.is_empty() {
        say!("nothing to repair: no trades are missing that may still come")?;
    }
    for one in gaps {
        let trades: u64 = one.gaps.iter().map(|gap| gap.missing_ids).sum();
        let kind = one.trades.map(|kind| format!("{kind} ")).unwrap_or_default();
        say!("{}: {} {kind}trades in {} gaps", one.instrument, count(trades), count(one.gaps.len() as u64))?;
    }
    Ok(())
}

async fn repair(
    tape: &Onetape,
    gaps: &[GapsOfInstrument],
    args: &RepairArgs,
    context: &Context,
) -> anyhow::Result<(RepairReport, Vec<Instrument>)> {
    let is_known = |one: &&GapsOfInstrument| market_of(&one.instrument).is_some();
    let (known, unknown): (Vec<_>, Vec<_>) = gaps.iter().partition(is_known);
    let instruments: Vec<Instrument> = known.iter().map(|one| one.instrument.clone()).collect();
    let is_recent = known.iter().any(|one| tape.age_of(one.as_of) < RECENT);
    let look = if is_recent { LOOK } else { GLANCE };
    if let Some(instrument) = tape.written_elsewhere(&instruments, look).await? {
        let error = anyhow!("another process writes {instrument}: two writers would stop one another");
        return Err(hinted(
            error,
            "`onetape collect` repairs what it collects by itself; or end that process first",
        ));
    }
    let mut report = RepairReport::default();
    for (kind, trades) in [(TradeKind::Single, Trades::Single), (TradeKind::Aggregate, Trades::Aggregate)] {
        let of_kind = known.iter().filter(|one| one.trades == Some(kind));
        let instruments: Vec<Instrument> = of_kind.map(|one| one.instrument.clone()).collect();
        if instruments.is_empty() || report.retry_after.is_some() {
            continue;
        }
        let markets = context.config.collect().markets.clone();
        let markets = markets.map(|market| LiveConfig { trades, ..market });
        let history = BinanceHistory::new(&markets, api_key().as_ref())?;
        let options = RepairOptions { patience: args.patience, ..RepairOptions::default() };
        let part = tape.repair_gaps(&instruments, &history, &options).await?;
        report.gaps.extend(part.gaps);
        report.pages += part.pages;
        report.retry_after = part.retry_after;
    }
    Ok((report, unknown.into_iter().map(|one| one.instrument.clone()).collect()))
}

fn print(report: &RepairReport, without_history: &[Instrument], json: bool) -> anyhow::Result<()> {
    let left = report.gaps.iter().filter(|gap| matches!(gap.outcome, GapOutcome::Open { .. })).count();
    if json {
        let report = serde_json::json!({
            "gaps": report.gaps,
            "pages": report.pages,
            "retry_after_s": report.retry_after.map(|pause| pause.as_secs()),
            "without_history": without_history,
        });
        say!("{}", onetape::domain::canonical::to_string(&report)?)?;
    } else {
        if report.gaps.is_empty() && without_history.is_empty() {
            say!("nothing to repair: no trades are missing that may still come")?;
        }
        let mut grid = Grid::new(&["instrument", "ids", "came", "state", "reason"]).sparing(&["ids"]);
        for repaired in &report.gaps {
            let (state, reason) = match &repaired.outcome {
                GapOutcome::Filled => (Cell::tinted("filled", Tint::Good), ""),
                GapOutcome::Unfillable { reason } => (Cell::tinted("unfillable", Tint::Bad), reason.as_str()),
                GapOutcome::Open { reason } => (Cell::tinted("open", Tint::Fair), reason.as_str()),
            };
            let (first, last) = (repaired.gap.first_id, repaired.gap.last_id);
            grid.row([
                Cell::from(repaired.instrument.to_string()),
                format!("{first}..={last}").into(),
                format!("{} trades", count(repaired.trades)).into(),
                state,
                reason.into(),
            ]);
        }
        if !report.gaps.is_empty() {
            grid.print()?;
        }
        for instrument in without_history {
            say!("{instrument}: no venue is known that could be asked")?;
        }
    }
    match (left, report.retry_after) {
        (0, None) => Ok(()),
        (left, None) => {
            let error = anyhow!("{left} gaps are still open, as reported above");
            Err(hinted(error, "what came is stored; the same command goes on from there"))
        }
        (left, Some(pause)) => {
            let error = anyhow!(
                "the venue's limits ended the repair, {left} gaps that were looked at are still open"
            );
            let wait = format!("wait {} s, then run it again: it goes on from there", pause.as_secs().max(1));
            Err(hinted(error, wait))
        }
    }
}
