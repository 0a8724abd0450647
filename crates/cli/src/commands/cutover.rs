//! `onetape cutover`: from the files of an old system to the store.

mod archive;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use onetape::cutover::{CutoverError, CutoverRecord, place_of};
use onetape::legacy::{DualStatus, DualWriter, LegacyReading, MAX_EARLIER, ShadowFile, ShadowReport};
use onetape::prelude::*;

use crate::args::{CutoverArgs, CutoverCommand, ShadowArgs};
use crate::context::Context;
use crate::hint::hinted;
use crate::output::grid::Grid;
use crate::output::quantities::count;
use crate::output::{note, say};

/// Files that are named of many.
const SHOWN: usize = 20;

/// What writes the files of the old system, where a folder is set. One that the cut-over has left is refused where the command
/// names it; where the settings do, nobody is kept from collecting.
pub(crate) async fn dual_writer(
    context: &Context,
    tape: &Onetape,
    is_named: bool,
) -> anyhow::Result<Option<Arc<DualWriter>>> {
    let legacy = context.config.legacy();
    let Some(folder) = &legacy.folder else { return Ok(None) };
    if tape.cutover(by()).state().await?.is_deprecated(&place_of(folder)) {
        let error = anyhow!("the cut-over has left {}: its files are not written any more", folder.display());
        let hint =
            "leave the folder out; `onetape cutover back` leads to the phase in which its files are written";
        if is_named {
            return Err(hinted(error, hint));
        }
        tracing::warn!(hint, "{error}");
        return Ok(None);
    }
    Ok(Some(Arc::new(tape.dual_writer(folder, legacy)?)))
}

/// Says what was written, and logs which files are behind.
pub(crate) fn tell(status: &DualStatus, folder: Option<&Path>) {
    let DualStatus { new, replaced, bytes, failures, failing, has_ended } = status;
    let folder = folder.map(|folder| folder.display().to_string());
    tracing::info!(
        folder,
        new,
        replaced,
        bytes,
        failures,
        behind = failing.len(),
        has_ended,
        "old files were written on"
    );
}

pub(crate) async fn run(args: CutoverArgs, context: Context) -> anyhow::Result<()> {
    match args.command {
        CutoverCommand::Status(args) => steps::status(args, context).await,
        CutoverCommand::Advance(args) => steps::advance(args, context).await,
        CutoverCommand::Back(args) => steps::back(args, context).await,
        CutoverCommand::Shadow(args) => shadow(args, context).await,
        CutoverCommand::Archive(args) => archive::archive(args, context).await,
        CutoverCommand::Restore(args) => archive::unpack(args, context).await,
    }
}

/// Who is on record for a step: whoever is logged in.
pub(crate) fn by() -> String {
    let name = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    name("USER").or_else(|| name("LOGNAME")).unwrap_or_else(|| "unknown".to_owned())
}

/// Whether something that was found out was recorded. A reader of the store may look, and leaves no record.
pub(crate) fn recorded(record: Result<CutoverRecord, CutoverError>) -> anyhow::Result<()> {
    match record {
        Ok(_) => Ok(()),
        Err(error) if error.of_store().is_some_and(|error| error.kind() == StoreErrorKind::Permission) => {
            note!(
                "this role may not write: the outcome is not recorded, and `onetape cutover advance` will not know of it"
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

async fn shadow(args: ShadowArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let legacy = context.config.legacy();
    let folder: PathBuf = args.folder.or_else(|| legacy.folder.clone()).ok_or_else(|| {
        hinted(anyhow!("no folder of old files is named"), "name it, or set legacy.folder in the config file")
    })?;
    let range = match (args.from, args.to) {
        (None, None) => None,
        (from, to) => {
            let (from, to) = (from.unwrap_or(Timestamp::EARLIEST), to.unwrap_or(Timestamp::LATEST));
            Some(TimeRange::try_new(from, to).context("--from and --to give no range")?)
        }
    };
    let reading = LegacyReading { time_column: args.time_column, round_floats: args.round_floats };
    let tape = context.open_to_read().await?;
    let report = tape.shadow(&folder, &legacy.timeframes, range, &reading).await?;
    if report.files.is_empty() {
        let error = anyhow!("{} has no file of an instrument in the store", folder.display());
        return Err(hinted(
            error,
            "files are named as in ETHUSDT_1m.parquet; `onetape status` lists the instruments",
        ));
    }
    recorded(tape.cutover(by()).shadowed(&place_of(&folder), range, &report).await)?;
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&report)?)?;
    } else {
        print(&report)?;
    }
    if report.diverging() > 0 {
        let error = anyhow!("files and store differ {} times", count(report.diverging()));
        return Err(hinted(
            error,
            "where the store is right, `onetape collect` or `onetape replay` with --legacy writes corrections of the last day; \
             what the store lacks has to be imported",
        ));
    }
    Ok(())
}

fn print(report: &ShadowReport) -> std::io::Result<()> {
    let mut grid = Grid::new(&[
        "file",
        "rows",
        "equal",
        "different",
        "doubled",
        "not in store",
        "not in file",
        "unreadable",
        "behind",
    ]);
    for file in &report.files {
        let ShadowFile {
            path,
            compared,
            equal,
            different,
            doubled,
            not_in_store,
            not_in_file,
            unreadable,
            behind,
            ..
        } = file;
        let numbers = [compared, equal, different, doubled, not_in_store, not_in_file, unreadable, behind];
        let numbers = numbers.map(|number| count(*number));
        grid.row([path.clone()].into_iter().chain(numbers));
    }
    grid.print()?;
    for left in report.left.iter().take(SHOWN) {
        say!("left: {}: {}", left.path, left.reason)?;
    }
    if report.left.len() > SHOWN {
        say!("left: and {} more", report.left.len() - SHOWN)?;
    }
    for file in &report.files {
        if let (Some(first), true) = (file.first, file.earlier > 0) {
            let (earlier, path) = (count(file.earlier), &file.path);
            let least = if file.earlier == MAX_EARLIER { "at least " } else { "" };
            say!("{path} begins at {first}; the store has {least}{earlier} candles from before")?;
        }
        for found in &file.divergences {
            let row = found.row.map_or("no row".to_owned(), |row| format!("row {row}"));
            let time = found.open_time.map_or(String::new(), |time| format!(" ({time})"));
            say!(
                "{} {row}{time}: {} is {} in the file, {} in the store",
                file.path,
                found.field,
                found.legacy,
                found.store
            )?;
        }
    }
    say!("{} rows compared, {} divergences", count(report.compared()), count(report.diverging()))
}
