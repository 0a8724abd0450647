//! `onetape export`: a table into files.

mod progress;

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use onetape::arrow::files::{Format, Options};
use onetape::domain::time::TimeRange;
use onetape::ports::Knowledge;
use onetape::prelude::*;
use onetape::{Export, ExportSummary, ExportTable};
use serde_json::json;

use crate::args::export::{ExportArgs, PartitionName, TableName};
use crate::context::Context;
use crate::output::say;
use progress::Progress;

pub(crate) async fn run(args: ExportArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let export = export(&args, &context)?;
    let tape = context.open_to_read().await?;
    let mut progress = Progress::start(args.json);
    let all_read = AtomicBool::new(false);
    let summary = {
        let mut exported = std::pin::pin!(tape.export(&export, |now| {
            all_read.store(now.read, Ordering::Relaxed);
            progress.update(now);
        }));
        loop {
            tokio::select! {
                // Listened for before anything is begun.
                biased;
                // Once all is read it is a matter of a moment, and what is done is not called interrupted.
                interrupt = tokio::signal::ctrl_c() => if interrupt.is_ok() && !all_read.load(Ordering::Relaxed) {
                    break None;
                },
                summary = &mut exported => break Some(summary),
            }
        }
    };
    let seconds = progress.finish();
    let summary = summary.context("interrupted: nothing was exported; the same command begins anew")??;
    if args.json {
        say!("{}", as_json(&summary, &export, seconds)?)?;
    } else {
        print(&summary, seconds)?;
    }
    Ok(())
}

/// What the arguments ask for.
fn export(args: &ExportArgs, context: &Context) -> anyhow::Result<Export> {
    let timeframe = || args.timeframe.context("give a timeframe: --timeframe 1m");
    let table = match args.table {
        TableName::Candles => ExportTable::Candles(timeframe()?),
        TableName::CandleVersions => ExportTable::CandleVersions(timeframe()?),
        TableName::Trades => ExportTable::Trades,
        TableName::Books => ExportTable::Books,
        TableName::Buckets => ExportTable::Buckets,
        TableName::Imbalances => ExportTable::Imbalances,
        TableName::Coverage => ExportTable::Coverage,
    };
    if args.format.is_none() && Format::of_name(&args.out).is_none() && is_named_otherwise(args) {
        let path = args.out.display();
        anyhow::bail!(
            "{path} ends with no known kind of file: end it with .parquet, .arrow or .csv, or give --format"
        );
    }
    let candles = matches!(table, ExportTable::Candles(_) | ExportTable::CandleVersions(_));
    if !candles && args.timeframe.is_some() {
        anyhow::bail!("{table} have no timeframe: leave --timeframe out");
    }
    let (start, end) = (args.from.unwrap_or(Timestamp::EARLIEST), args.to.unwrap_or(Timestamp::LATEST));
    Ok(Export {
        instruments: args.instrument.iter().map(|name| context.instrument(name)).collect::<Result<_, _>>()?,
        range: TimeRange::try_new(start, end)?,
        at: args.at,
        knowledge: if args.corrected { Knowledge::AsCorrected } else { Knowledge::AsRecorded },
        decimals: args.decimals.into(),
        ..Export::new(table, files(args, table))
    })
}

/// Whether the path names a file of another kind; folders may have dots.
fn is_named_otherwise(args: &ExportArgs) -> bool {
    args.out.extension().is_some() && !args.out.is_dir() && args.partition == PartitionName::None
}

/// Where to, and how.
fn files(args: &ExportArgs, table: ExportTable) -> Options {
    let partition = onetape::arrow::files::Partition::from(args.partition);
    let by_name = || Format::of_name(&args.out).unwrap_or(Format::Parquet);
    let format = args.format.map_or_else(by_name, Format::from);
    let target = if args.out.is_dir() && !partition.is_tree() {
        args.out.join(format!("{table}.{}", format.as_str()))
    } else {
        args.out.clone()
    };
    Options { partition, overwrite: args.overwrite, ..Options::new(target, format) }
}

fn as_json(summary: &ExportSummary, export: &Export, seconds: f64) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(summary)?;
    value["format"] = json!(export.files.format.as_str());
    let text = export.files.format == Format::Csv;
    value["decimals"] = json!(if text { "text" } else { export.decimals.as_str() });
    value["partition"] = json!(export.files.partition.as_str());
    value["seconds"] = json!(seconds);
    Ok(onetape::domain::canonical::to_string(&value)?)
}

fn print(summary: &ExportSummary, seconds: f64) -> std::io::Result<()> {
    let ExportSummary { table, target, files, rows, bytes, first, last, as_of } = summary;
    let target = target.display();
    let rate = if seconds > 0.0 { *rows as f64 / seconds } else { 0.0 };
    match first.zip(*last) {
        Some((first, last)) => {
            let many = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
            say!(
                "{rows} rows of {table} in {many}, {bytes} bytes, {seconds:.1} s ({rate:.0} rows/s): {target}"
            )?;
            say!("  from {first} to {last}")?;
        }
        None => say!("no rows of {table} in this range: {target} has the columns, and no rows")?,
    }
    for (instrument, as_of) in as_of {
        say!("  {instrument} as of {as_of}")?;
    }
    Ok(())
}
