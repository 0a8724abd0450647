//! `onetape quarantine`: what was refused.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, anyhow};
use onetape::domain::canonical;
use onetape::domain::engine::Outcome;
use onetape::exchanges::{BinanceParser, events_of_line};
use onetape::ports::{FeedEvent, QuarantineEntry, QuarantineQuery};
use onetape::prelude::*;
use serde::Serialize;

use super::replay::rules_of;
use crate::args::{
    DropArgs, ListQuarantineArgs, QuarantineArgs, QuarantineCommand, QuarantineFilter, RetryArgs, ShowArgs,
};
use crate::context::Context;
use crate::hint::hinted;
use crate::output::grid::{Cell, Grid};
use crate::output::{note, say};

/// How long the writing of what was taken in may take.
const SHUTDOWN: Duration = Duration::from_secs(60);
/// Records that are looked at or dropped at once.
const PAGE: usize = 1_000;

pub(crate) async fn run(args: QuarantineArgs, context: Context) -> anyhow::Result<u64> {
    match args.command {
        QuarantineCommand::List(args) => list(args, context).await.map(|()| 0),
        QuarantineCommand::Show(args) => show(args, context).await.map(|()| 0),
        QuarantineCommand::Retry(args) => retry(args, context).await,
        QuarantineCommand::Drop(args) => drop_records(args, context).await.map(|()| 0),
    }
}

fn query(filter: &QuarantineFilter, context: &Context, limit: usize) -> anyhow::Result<QuarantineQuery> {
    let QuarantineFilter { instrument, origin, from, to } = filter;
    let received = match (from, to) {
        (None, None) => None,
        (from, to) => {
            let (start, end) = (from.unwrap_or(Timestamp::EARLIEST), to.unwrap_or(Timestamp::LATEST));
            Some(TimeRange::try_new(start, end).context("--from and --to name no range")?)
        }
    };
    let instrument = instrument.as_ref().map(|name| context.instrument(name)).transpose()?;
    Ok(QuarantineQuery { instrument, origin: origin.clone(), received, ..QuarantineQuery::newest(limit) })
}

async fn list(args: ListQuarantineArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let query = QuarantineQuery { before: args.before, ..query(&args.filter, &context, args.limit)? };
    let tape = context.open_to_read().await?;
    let entries = tape.store().quarantine_entries(&query).await?;
    if args.json {
        say!("{}", canonical::to_string(&entries)?)?;
        return Ok(());
    }
    if entries.is_empty() {
        say!("nothing in quarantine")?;
        return Ok(());
    }
    let mut grid = Grid::new(&["id", "received", "instrument", "origin", "reason"]).sparing(&["received"]);
    for QuarantineEntry { id, record } in &entries {
        grid.row([
            Cell::from(id.to_string()),
            record.received_at.map(|time| time.to_string()).unwrap_or_default().into(),
            record.instrument.as_ref().map(ToString::to_string).unwrap_or_default().into(),
            record.origin.clone().into(),
            record.violations.to_string().into(),
        ]);
    }
    grid.print()?;
    if let Some(last) = entries.last().filter(|_| entries.len() == args.limit) {
        say!("older ones: --before {}", last.id)?;
    }
    Ok(())
}

async fn entry(tape: &Onetape, id: u64) -> anyhow::Result<QuarantineEntry> {
    let query = QuarantineQuery { id: Some(id), ..QuarantineQuery::newest(1) };
    let found = tape.store().quarantine_entries(&query).await?.pop();
    found.ok_or_else(|| {
        hinted(anyhow!("there is no record {id} in quarantine"), "`onetape quarantine list` shows the ids")
    })
}

async fn show(args: ShowArgs, context: Context) -> anyhow::Result<()> {
    let tape = context.with_store(&args.store)?.open_to_read().await?;
    let found = entry(&tape, args.id).await?;
    if args.json {
        say!("{}", canonical::to_string(&found)?)?;
        return Ok(());
    }
    let QuarantineEntry { id, record } = &found;
    say!("id          {id}")?;
    say!("origin      {}", record.origin)?;
    if let Some(instrument) = &record.instrument {
        say!("instrument  {instrument}")?;
    }
    if let Some(received_at) = record.received_at {
        say!("received    {received_at}")?;
    }
    for violation in &record.violations.0 {
        say!("refused     {violation}")?;
    }
    let kept = if is_whole(&found) { "" } else { ", not kept whole" };
    say!("payload     {} bytes{kept}", record.payload_bytes)?;
    say!("{}", record.payload)?;
    Ok(())
}

/// Whether the payload is all of the record, as it came.
fn is_whole(entry: &QuarantineEntry) -> bool {
    entry.record.payload.len() as u64 == entry.record.payload_bytes
}

/// What became of a record that was read again.
#[derive(Debug, Serialize)]
struct Retried {
    id: u64,
    /// `taken_in`, `known`, `nothing` or `refused`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Retried {
    fn refused(id: u64, reason: impl ToString) -> Self {
        Self { id, outcome: "refused", reason: Some(reason.to_string()) }
    }
}

/// Returns how many are refused still.
async fn retry(args: RetryArgs, context: Context) -> anyhow::Result<u64> {
    let context = context.with_store(&args.store)?;
    context.address_of_existing()?;
    let tape = context.open_to_write().await?;
    let mut retried = Vec::new();
    let outcome = retry_each(&tape, &args, &context, &mut retried).await;
    // What was taken in must be in the store before its record goes.
    let closed = tape.ingestion().shutdown(SHUTDOWN).await;
    outcome?;
    closed?;
    let done = retried.iter().filter(|one| one.outcome != "refused");
    let done: Vec<u64> = done.map(|one| one.id).collect();
    tape.store().remove_quarantined(&done).await.context("what was read again is still in quarantine")?;
    tape.store().close().await;
    if args.json {
        say!("{}", canonical::to_string(&retried)?)?;
    } else {
        for Retried { id, outcome, reason } in &retried {
            match (*outcome, reason) {
                ("taken_in", _) => say!("{id}: taken in, and no longer in quarantine")?,
                ("known", _) => say!("{id}: its content was known, and it is no longer in quarantine")?,
                ("nothing", _) => say!("{id}: it carries no market data, and is no longer in quarantine")?,
                (_, reason) => say!("{id}: still refused: {}", reason.as_deref().unwrap_or_default())?,
            }
        }
    }
    Ok((retried.len() - done.len()) as u64)
}

async fn retry_each(
    tape: &Onetape,
    args: &RetryArgs,
    context: &Context,
    retried: &mut Vec<Retried>,
) -> anyhow::Result<()> {
    let rules = rules_of(args.market, context.config.tape_lateness())?;
    for id in &args.ids {
        let found = entry(tape, *id).await?;
        if !found.record.payload.starts_with(|first: char| first.is_ascii_digit()) {
            retried.push(Retried::refused(*id, "it is no line of a tape, so there is no parser for it"));
            continue;
        }
        if !is_whole(&found) {
            let (kept, all) = (found.record.payload.len(), found.record.payload_bytes);
            let reason = format!("it was not kept whole ({kept} bytes of {all}); replay its tape again");
            retried.push(Retried::refused(*id, reason));
            continue;
        }
        let name = format!("quarantine {id}");
        let mut outcome = Retried { id: *id, outcome: "nothing", reason: None };
        for event in events_of_line(BinanceParser::new(args.market), &name, &found.record.payload) {
            let violations = match event {
                FeedEvent::Quarantined(record) => record.violations,
                FeedEvent::Message(message) => {
                    let step = tape.ingestion().ingest(&message, rules).await?;
                    match step.accepted() {
                        Err(violations) => violations,
                        Ok(Outcome::Stamped(_)) => {
                            outcome.outcome = "taken_in";
                            continue;
                        }
                        Ok(_) => {
                            outcome.outcome = "known";
                            continue;
                        }
                    }
                }
            };
            outcome = Retried::refused(*id, violations);
            break;
        }
        retried.push(outcome);
    }
    Ok(())
}

async fn drop_records(args: DropArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let filter = query(&args.filter, &context, PAGE)?;
    if !args.all && filter != QuarantineQuery::newest(PAGE) {
        return Err(hinted(anyhow!("filters are for --all"), "name ids, or --all with the filters"));
    }
    let tape = context.open_to_read().await?;
    if !args.yes && !is_confirmed(&args)? {
        say!("nothing dropped")?;
        return Ok(());
    }
    let mut dropped = 0;
    if args.all {
        loop {
            let page = tape.store().quarantine_entries(&filter).await?;
            let ids: Vec<u64> = page.iter().map(|entry| entry.id).collect();
            if ids.is_empty() {
                break;
            }
            dropped += tape.store().remove_quarantined(&ids).await?;
        }
    } else {
        dropped = tape.store().remove_quarantined(&args.ids).await?;
    }
    tape.store().close().await;
    let missing = if args.all { 0 } else { args.ids.len() as u64 - dropped.min(args.ids.len() as u64) };
    match missing {
        0 => say!("{dropped} dropped")?,
        missing => say!("{dropped} dropped, {missing} were not there")?,
    }
    Ok(())
}

/// Asks, where somebody can be asked.
fn is_confirmed(args: &DropArgs) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        let error = anyhow!("dropping cannot be undone, and there is no terminal to ask");
        return Err(hinted(error, "--yes drops without asking"));
    }
    match args.all {
        true => note!("drop all of them for good? [y/N]"),
        false => note!("drop {} records for good? [y/N]", args.ids.len()),
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
