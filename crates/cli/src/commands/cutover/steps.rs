//! `onetape cutover status|advance|back`: which phase was reached, and the steps from one to the next.

use std::path::Path;

use anyhow::anyhow;
use onetape::Onetape;
use onetape::cutover::{
    ArchiveMade, Cutover, CutoverError, CutoverEvent, CutoverManager, CutoverRecord, Entered, Evidence,
    Missing, Phase, Requirements, Shadows, place_of,
};
use onetape::domain::canonical;
use onetape::domain::cutover::OldFiles;
use onetape::prelude::Timestamp;
use serde::Serialize;

use super::by;
use crate::args::{AdvanceArgs, BackArgs, CutoverStatusArgs};
use crate::context::Context;
use crate::hint::hinted;
use crate::output::grid::Grid;
use crate::output::quantities::{bytes, count};
use crate::output::say;

/// What is shown of a cut-over.
#[derive(Serialize)]
struct Status<'a> {
    folder: Option<&'a str>,
    entered: Option<Entered>,
    next: Option<Phase>,
    missing: Vec<Lacking>,
    shadows: Option<&'a Shadows>,
    archive: Option<&'a ArchiveMade>,
    is_removed: bool,
    log: &'a [CutoverRecord],
}

/// What is missing, and what provides it.
#[derive(Serialize)]
struct Lacking {
    #[serde(flatten)]
    what: Missing,
    reason: String,
    command: String,
}

pub(super) async fn status(args: CutoverStatusArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let tape = context.open_to_read().await?;
    let manager = tape.cutover(by());
    let records = manager.records(0).await?;
    let cutover = manager.state().await?;
    let (next, missing) = lacking(&tape, &manager, &cutover, &context, &args.required.required()).await?;
    let log = &records[records.len().saturating_sub(args.log)..];
    if args.json {
        let status = Status {
            folder: cutover.folder(),
            entered: cutover.entered(),
            next,
            missing,
            shadows: cutover.shadows(),
            archive: cutover.archive(),
            is_removed: cutover.is_removed(),
            log,
        };
        say!("{}", canonical::to_string(&status)?)?;
        return Ok(());
    }
    phases(&cutover, &records)?;
    if let Some(folder) = cutover.folder() {
        say!(
            "old files: {folder}{}",
            if cutover.is_removed() { ", from where they were removed" } else { "" }
        )?;
    }
    ahead(next, &missing)?;
    for record in log {
        say!("{}", line(record))?;
    }
    Ok(())
}

pub(super) async fn advance(args: AdvanceArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let tape = context.open_to_write().await?;
    let manager = tape.cutover(by());
    let cutover = manager.state().await?;
    let named = args.folder.as_deref();
    let folder =
        match named.or(context.config.legacy().folder.as_deref().filter(|_| cutover.phase().is_none())) {
            Some(folder) => Some(begun(folder, &cutover)?),
            None => None,
        };
    let required = args.required.required();
    let files = old_files(&tape, &cutover, &context).await?;
    let record = manager.advance(folder.as_deref(), files, &required, &args.note).await?;
    stepped(&tape, &manager, &context, &required, &record, args.json).await
}

pub(super) async fn back(args: BackArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let tape = context.open_to_read().await?;
    let manager = tape.cutover(by());
    let record = manager.back(&args.note).await?;
    stepped(&tape, &manager, &context, &Requirements::default(), &record, args.json).await
}

/// The folder as it is recorded; the one that a cut-over begins with must be there.
fn begun(folder: &Path, cutover: &Cutover) -> anyhow::Result<String> {
    if cutover.phase().is_none() && !folder.is_dir() {
        let error = anyhow!("there is no folder {}", folder.display());
        return Err(hinted(
            error,
            "name the folder of the old files, which `onetape collect --legacy FOLDER` makes and writes",
        ));
    }
    Ok(place_of(folder))
}

/// How far the old files are, where the next phase asks for that.
async fn old_files(tape: &Onetape, cutover: &Cutover, context: &Context) -> anyhow::Result<OldFiles> {
    match (cutover.phase(), cutover.folder()) {
        (Some(Phase::DualWrite | Phase::ShadowReads), Some(folder)) => {
            Ok(tape.old_files(Path::new(folder), &context.config.legacy().timeframes).await?)
        }
        _ => Ok(OldFiles::default()),
    }
}

/// The phase that follows, and what is missing for it.
async fn lacking(
    tape: &Onetape,
    manager: &CutoverManager,
    cutover: &Cutover,
    context: &Context,
    required: &Requirements,
) -> anyhow::Result<(Option<Phase>, Vec<Lacking>)> {
    let next = cutover.phase().map_or(Some(Phase::DualWrite), Phase::next);
    let files = old_files(tape, cutover, context).await?;
    let missing = match manager.check(None, files, required).await {
        Ok(()) => Vec::new(),
        Err(CutoverError::Refused(refused)) if next.is_some() => refused.missing,
        Err(CutoverError::Refused(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let lacking = |what: Missing| Lacking { reason: what.to_string(), command: what.command(), what };
    Ok((next, missing.into_iter().map(lacking).collect()))
}

/// Says what came of a step, and what is to be done next.
async fn stepped(
    tape: &Onetape,
    manager: &CutoverManager,
    context: &Context,
    required: &Requirements,
    record: &CutoverRecord,
    json: bool,
) -> anyhow::Result<()> {
    if json {
        say!("{}", canonical::to_string(record)?)?;
        return Ok(());
    }
    let cutover = manager.state().await?;
    match (&record.event, cutover.phase()) {
        (CutoverEvent::Back { from, .. }, Some(phase)) => {
            say!("back from {from} in {phase}: {}", from.way_back())?
        }
        (CutoverEvent::Back { from, .. }, None) => say!("out of {from}: {}", from.way_back())?,
        (_, Some(phase)) => say!("{phase}: {}", phase.meaning())?,
        (_, None) => {}
    }
    let (next, missing) = lacking(tape, manager, &cutover, context, required).await?;
    ahead(next, &missing)?;
    Ok(())
}

fn ahead(next: Option<Phase>, missing: &[Lacking]) -> std::io::Result<()> {
    let Some(next) = next else { return say!("the cut-over is done") };
    if missing.is_empty() {
        return say!("next: `onetape cutover advance` enters {next}");
    }
    say!("next: {next}, for which is missing:")?;
    missing.iter().try_for_each(|Lacking { reason, command, .. }| say!("  {reason}\n    {command}"))
}

/// Every phase, and when it was entered last.
fn phases(cutover: &Cutover, records: &[CutoverRecord]) -> std::io::Result<()> {
    let entered = |phase: Phase| -> Option<Timestamp> {
        let at = records
            .iter()
            .rev()
            .find(|record| matches!(&record.event, CutoverEvent::Advanced { to, .. } if *to == phase))?;
        Some(at.at)
    };
    let mut grid = Grid::new(&["phase", "what goes on", "entered"]);
    for phase in Phase::ALL {
        let at = entered(phase).filter(|_| cutover.phase() >= Some(phase));
        let state = match at {
            Some(at) if cutover.phase() == Some(phase) => format!("{at}, now"),
            Some(at) => at.to_string(),
            None => String::new(),
        };
        grid.row([phase.to_string(), phase.meaning().to_owned(), state]);
    }
    grid.print()
}

/// A record for people.
fn line(record: &CutoverRecord) -> String {
    let CutoverRecord { number, at, by, event } = record;
    let noted = |note: &str| if note.is_empty() { String::new() } else { format!(" ({note})") };
    let newest = |newest: &Option<Timestamp>| newest.map_or(String::new(), |newest| format!(", to {newest}"));
    let what = match event {
        CutoverEvent::Advanced { to, evidence, note } => {
            format!("entered {to}, as {}{}", why(evidence), noted(note))
        }
        CutoverEvent::Back { from, note } => format!("went back from {from}{}", noted(note)),
        CutoverEvent::Verified { run, rows, differences, newest: last } => {
            let (rows, differences) = (count(*rows), count(*differences));
            format!("verified {run}: {rows} rows, {differences} differences{}", newest(last))
        }
        CutoverEvent::Shadowed { files, compared, diverging, newest: last, range, .. } => {
            let part = if range.is_some() { " of a part" } else { "" };
            let (compared, diverging) = (count(*compared), count(*diverging));
            format!(
                "compared {compared} rows{part} of {files} files: {diverging} divergences{}",
                newest(last)
            )
        }
        CutoverEvent::Archived(made) => {
            format!("packed {} files, {}, into {}", made.files, bytes(made.bytes), made.archive)
        }
        CutoverEvent::Removed { folder, archive, files } => {
            format!("removed {files} files from {folder} that {archive} has")
        }
        CutoverEvent::Restored { archive, folder, files, .. } => {
            format!("put {files} files of {archive} into {folder}")
        }
    };
    format!("{number}. {at} {by} {what}")
}

/// What allowed a phase.
fn why(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Begun { folder } => format!("{folder} is to be left"),
        Evidence::Written { files } => format!("{} old files are as far as the store", files.files),
        Evidence::Finished { runs } => format!("{} runs are finished", runs.len()),
        Evidence::Verified { records } => format!("{} runs were verified", records.len()),
        Evidence::Shadowed { shadows, .. } => format!(
            "{} comparisons from record {} to {} found nothing",
            shadows.count, shadows.first_record, shadows.last_record
        ),
        Evidence::Archived { record } => format!("record {record} says"),
    }
}
