//! `onetape import`: the candles of an older system, in and out.

mod print;
mod progress;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use onetape::domain::canonical;
use onetape::domain::manifest::{RunId, RunState};
use onetape::import::{
    HolePolicy, LegacyCache, MAX_MAPPING_BYTES, Mapping, Naming, Plan, PlanOptions, QuietRuns, RunReport,
    Settings, plan,
};
use serde::Serialize;

use crate::args::import::{ImportArgs, ImportCommand, PlanArgs, RollbackArgs, RunArgs, StatusArgs};
use crate::commands::cutover::{by, recorded};
use crate::context::Context;
use crate::hint::hinted;
use crate::output::say;
use progress::Watched;

/// Returns how many tables and rows were left out.
pub(crate) async fn run(args: ImportArgs, context: Context) -> anyhow::Result<u64> {
    let context = context.with_store(&args.store)?;
    let json = args.json;
    match args.command {
        ImportCommand::Plan(args) => {
            let plan = planned(&args, &context, json).await?;
            show(json, &plan, print::plan)?;
            Ok(u64::from(plan.has_refusals()))
        }
        ImportCommand::Run(args) => begin(&args, &context, json).await,
        ImportCommand::Status(args) => status(&args, &context, json).await,
        ImportCommand::Verify(args) => verify(&args, &context, json).await,
        ImportCommand::Rollback(args) => rollback(&args, &context, json).await,
        ImportCommand::Resume(args) => resume(&args, &context, json).await,
    }
}

async fn planned(args: &PlanArgs, context: &Context, json: bool) -> anyhow::Result<Plan> {
    let options = options(args, context)?;
    let mut watched = Watched::start(json);
    let plan = watched
        .until_interrupted(async |watch| plan(&LegacyCache::new(&args.folder), &options, watch).await)
        .await;
    watched.finish();
    Ok(plan?)
}

async fn begin(args: &PlanArgs, context: &Context, json: bool) -> anyhow::Result<u64> {
    let plan = planned(args, context, json).await?;
    let tape = context.open_to_write().await?;
    let manager = tape.migration().with_batch_rows(args.batch_rows);
    let cache = LegacyCache::new(&args.folder);
    let mut watched = Watched::start(json);
    let report = watched.until_interrupted(async |watch| manager.run(&cache, &plan.run, watch).await).await;
    watched.finish();
    let report = report?;
    if !json {
        print::not_read(&plan)?;
    }
    let is_left = plan.left.iter().any(|left| left.why.may_be_meant());
    Ok(reported(json, report)?.max(u64::from(is_left)))
}

async fn resume(args: &RunArgs, context: &Context, json: bool) -> anyhow::Result<u64> {
    let tape = context.open_to_read().await?;
    let manager = tape.migration();
    let run = meant(args.run.as_ref(), &manager, RunState::Running).await?;
    let cache = folder_of(args, &manager, &run).await?;
    let mut watched = Watched::start(json);
    let report = watched.until_interrupted(async |watch| manager.resume(&cache, &run, watch).await).await;
    watched.finish();
    reported(json, report?)
}

async fn verify(args: &RunArgs, context: &Context, json: bool) -> anyhow::Result<u64> {
    let tape = context.open_to_read().await?;
    let manager = tape.migration();
    let run = meant(args.run.as_ref(), &manager, RunState::Finished).await?;
    let cache = folder_of(args, &manager, &run).await?;
    let mut watched = Watched::start(json);
    let found = watched.until_interrupted(async |watch| manager.verify(&cache, &run, watch).await).await;
    watched.finish();
    let found = found?;
    recorded(tape.cutover(by()).verified(&found).await)?;
    show(json, &found, print::verification)?;
    if found.is_equal() {
        return Ok(0);
    }
    let error = anyhow::anyhow!(
        "files and store differ in {} places, of which the first are listed above",
        found.count
    );
    Err(hinted(
        error,
        "`onetape import rollback RUN` takes the run out again; then `onetape import run FOLDER --name NAME` takes the files in anew",
    ))
}

async fn rollback(args: &RollbackArgs, context: &Context, json: bool) -> anyhow::Result<u64> {
    let tape = context.open_to_read().await?;
    let manager = tape.migration();
    let mut watched = Watched::start(json);
    let report = watched.until_interrupted(async |watch| manager.rollback(&args.run, watch).await).await;
    watched.finish();
    let report = report?;
    show(json, &report, print::removal)?;
    if report.is_stopped {
        let error = anyhow::anyhow!("interrupted: a part of the run {} is in the store still", report.run);
        return Err(hinted(error, "the same command goes on from there"));
    }
    Ok(0)
}

async fn status(args: &StatusArgs, context: &Context, json: bool) -> anyhow::Result<u64> {
    let tape = context.open_to_read().await?;
    let manager = tape.migration();
    let Some(run) = &args.run else {
        let runs = manager.runs().await?;
        show(json, &runs, |runs| print::runs(runs))?;
        return Ok(0);
    };
    let (report, refused) = (manager.status(run).await?, manager.refused(run, args.refused).await?);
    show(json, &serde_json::json!({ "report": report, "refused": refused }), |_| {
        print::report(&report)?;
        print::refused(&report, &refused)
    })?;
    Ok(0)
}

/// The run that was named, or the only one in a state.
async fn meant(
    named: Option<&RunId>,
    manager: &onetape::import::DataMigrationManager,
    state: RunState,
) -> anyhow::Result<RunId> {
    match named {
        Some(run) => Ok(run.clone()),
        None => Ok(manager.only(&[state]).await?),
    }
}

/// The folder that a run's files are in.
async fn folder_of(
    args: &RunArgs,
    manager: &onetape::import::DataMigrationManager,
    run: &RunId,
) -> anyhow::Result<LegacyCache> {
    match &args.folder {
        Some(folder) => Ok(LegacyCache::new(folder)),
        None => Ok(LegacyCache::new(manager.manifest(run).await?.run.origin)),
    }
}

fn reported(json: bool, report: RunReport) -> anyhow::Result<u64> {
    show(json, &report, print::report)?;
    let again = format!("`onetape import resume {}` goes on from there", report.run);
    if report.is_stopped {
        return Err(hinted(anyhow::anyhow!("interrupted after {} rows", report.rows_now), again));
    }
    if !report.failed.is_empty() {
        let error =
            anyhow::anyhow!("{} tables or parts could not be taken in, as listed above", report.failed.len());
        let hint = format!(
            "put the files back as they were, then {again}; or `onetape import rollback {}`, and run it under another name",
            report.run
        );
        return Err(hinted(error, hint));
    }
    Ok(u64::from(report.has_refusals()))
}

/// For programs, or for people.
fn show<T: Serialize>(
    json: bool,
    value: &T,
    print: impl FnOnce(&T) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    if json {
        say!("{}", canonical::to_string(value)?)?
    } else {
        print(value)?
    }
    Ok(())
}

fn options(args: &PlanArgs, context: &Context) -> anyhow::Result<PlanOptions> {
    let holes = if args.whole_days {
        HolePolicy::WholeDays
    } else {
        let mut runs = QuietRuns::default();
        args.quiet.iter().for_each(|(timeframe, seconds)| runs.set(*timeframe, *seconds));
        HolePolicy::Quiet(runs)
    };
    let settings = Settings {
        on_conflict: args.on_conflict,
        holes,
        time_column: args.time_column.clone(),
        round_floats: args.round_floats,
    };
    let naming = Naming {
        mapping: args.mapping.as_deref().map(mapping).transpose()?.unwrap_or_default(),
        pattern: args.pattern.clone(),
        ..Naming::new(context.config.default_exchange().clone())
    };
    // As it is found from any working directory.
    let origin: PathBuf = std::path::absolute(&args.folder)?;
    Ok(PlanOptions {
        name: args.name.clone(),
        exclude: args.exclude.clone(),
        settings,
        max_parts: args.max_parts,
        ..PlanOptions::new(origin.display().to_string(), args.source.clone(), naming)
    })
}

fn mapping(path: &Path) -> anyhow::Result<Mapping> {
    let file = std::fs::File::open(path)
        .with_context(|| format!("the mapping {} cannot be opened", path.display()))?;
    let mut text = String::new();
    let read = file.take(MAX_MAPPING_BYTES as u64 + 1).read_to_string(&mut text);
    read.with_context(|| format!("the mapping {} cannot be read", path.display()))?;
    anyhow::ensure!(text.len() <= MAX_MAPPING_BYTES, "the mapping {} is longer than 1 MiB", path.display());
    let wrong = || format!("the mapping {} is not right", path.display());
    Mapping::parse(&text)
        .with_context(wrong)
        .map_err(|error| hinted(error, "docs/MIGRATION.md shows a mapping"))
}
