//! `onetape cutover archive|restore`: the old files into an archive, and back.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use onetape::cutover::{ArchiveMade, PackError, Packed, SUMS, Watch, pack, place_of, remove, restore};
use onetape::domain::canonical;
use serde::Serialize;

use super::{by, recorded};
use crate::args::{ArchiveArgs, RestoreArgs};
use crate::context::Context;
use crate::output::quantities::{bytes, count};
use crate::output::{note, say};

/// What came of it.
#[derive(Serialize)]
struct Report<'a> {
    archive: &'a str,
    folder: &'a str,
    files: u64,
    bytes: u64,
    sha256: &'a str,
    was_there: bool,
    removed: Option<u64>,
}

pub(super) async fn archive(args: ArchiveArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let tape = context.open_to_read().await?;
    let manager = tape.cutover(by());
    let cutover = manager.state().await?;
    let folder = cutover.folder_to_archive().map_err(onetape::cutover::CutoverError::from)?.to_owned();
    let archive = place_of(&args.archive);
    if let Some(made) = cutover.archive().filter(|made| cutover.is_removed() && made.archive == archive)
        && !Path::new(&folder).exists()
    {
        let ArchiveMade { files, bytes, sha256, .. } = made;
        let report = Report {
            archive: &archive,
            folder: &folder,
            files: *files,
            bytes: *bytes,
            sha256,
            was_there: true,
            removed: Some(0),
        };
        return told(&report, args.json);
    }
    let packed = aside(&folder, &archive, pack).await?;
    let Packed { files, bytes, sha256, was_there, missing: _ } = packed;
    let made = ArchiveMade { archive: archive.clone(), folder: folder.clone(), files, bytes, sha256 };
    if cutover.archive() != Some(&made) {
        manager.archived(made.clone()).await?;
    }
    let mut removed = None;
    if args.remove {
        // Before the first of them goes: from then on the archive has what the folder may not have.
        if !cutover.is_removed() {
            manager.removed(&made).await?;
        }
        removed = Some(aside(&folder, &archive, remove).await?);
    }
    let ArchiveMade { sha256, .. } = &made;
    told(&Report { archive: &archive, folder: &folder, files, bytes, sha256, was_there, removed }, args.json)
}

pub(super) async fn unpack(args: RestoreArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let (archive, folder) = (place_of(&args.archive), place_of(&args.folder));
    let packed = aside(&archive, &folder, restore).await?;
    let Packed { files, bytes: size, sha256, was_there, missing: _ } = packed;
    let made = ArchiveMade { archive, folder, files, bytes: size, sha256 };
    // The files are there, whatever becomes of the record.
    match remember(&context, &made).await {
        Ok(()) => {}
        Err(error) => note!("the store was not told of it: {error:#}"),
    }
    let ArchiveMade { archive, folder, sha256, .. } = &made;
    if args.json {
        let report = Report { archive, folder, files, bytes: size, sha256, was_there, removed: None };
        say!("{}", canonical::to_string(&report)?)?;
        return Ok(());
    }
    let done = if was_there { "are there already, and are" } else { "were put there, and are" };
    say!("{folder}: {} files of {archive} {done} what its sums say ({})", count(files), bytes(size))?;
    Ok(())
}

async fn remember(context: &Context, made: &ArchiveMade) -> anyhow::Result<()> {
    let tape = context.open_to_read().await?;
    let manager = tape.cutover(by());
    if manager.state().await?.last() > 0 {
        recorded(manager.restored(made).await)?;
    }
    Ok(())
}

fn told(report: &Report<'_>, json: bool) -> anyhow::Result<()> {
    if json {
        say!("{}", canonical::to_string(report)?)?;
        return Ok(());
    }
    let Report { archive, folder, files, bytes: size, sha256, was_there, removed } = report;
    let done = if *was_there { "is whole" } else { "was made and read back" };
    say!("{archive} {done}: {} files of {folder}, {}", count(*files), bytes(*size))?;
    say!("{sha256}  {SUMS}")?;
    if let Some(removed) = removed {
        say!("{} files were removed from {folder}", count(*removed))?;
    }
    Ok(())
}

/// What works with the files of two folders, on a thread for it.
async fn aside<T: Send + 'static>(
    from: &str,
    to: &str,
    work: fn(&Path, &Path, &mut Watch<'_>) -> Result<T, PackError>,
) -> anyhow::Result<T> {
    let (from, to) = (PathBuf::from(from), PathBuf::from(to));
    let done = tokio::task::spawn_blocking(move || {
        work(&from, &to, &mut |step, path| {
            tracing::debug!(?step, path, "a file of the archive");
            ControlFlow::Continue(())
        })
    });
    Ok(done.await??)
}
