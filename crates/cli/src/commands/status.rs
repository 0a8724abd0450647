//! `onetape status`: what is stored.

use anyhow::anyhow;
use onetape::ports::Extent;
use onetape::prelude::*;
use onetape::{Completeness, Stored, StoredInstrument, StoredTable, StreamCoverage};

use crate::args::StatusArgs;
use crate::context::Context;
use crate::hint::hinted;
use crate::output::grid::{Cell, Grid};
use crate::output::quantities::{ago, bytes, count};
use crate::output::say;

/// Instruments whose tables are shown without being asked for.
const DETAILED: usize = 3;

/// Tables of the store whose size is shown.
const LARGEST: usize = 5;

pub(crate) async fn run(args: StatusArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let named: Vec<Instrument> =
        args.instruments.iter().map(|name| context.instrument(name)).collect::<Result<_, _>>()?;
    let tape = context.open_to_read().await?;
    let stored = tape.stored(&named).await?;
    let is_there =
        |instrument: &&Instrument| stored.instruments.iter().any(|one| one.instrument == **instrument);
    if let Some(missing) = named.iter().find(|instrument| !is_there(instrument)) {
        let error = anyhow!("there is no data of {missing}");
        return Err(hinted(error, "`onetape status` without it lists what is stored"));
    }
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&stored)?)?;
        return Ok(());
    }
    print(&stored, !named.is_empty())
}

fn print(stored: &Stored, detailed: bool) -> anyhow::Result<()> {
    match &stored.sizes {
        Some(sizes) => say!("{}: {}", stored.store, bytes(sizes.bytes))?,
        None => say!("{}", stored.store)?,
    }
    let largest = stored.sizes.iter().flat_map(|sizes| &sizes.tables).take(LARGEST);
    let largest: Vec<String> =
        largest.map(|table| format!("{} {}", table.name, bytes(table.bytes))).collect();
    if !largest.is_empty() {
        say!("largest tables: {}", largest.join(", "))?;
    }
    if stored.instruments.is_empty() {
        say!("nothing is stored yet: `onetape demo` or `onetape replay FILES` fills it")?;
        return Ok(());
    }
    if stored.instruments.len() > 1 {
        overview(&stored.instruments)?;
    }
    if detailed || stored.instruments.len() <= DETAILED {
        stored.instruments.iter().try_for_each(details)?;
    } else {
        say!("`onetape status INSTRUMENT` shows its tables")?;
    }
    Ok(())
}

fn overview(instruments: &[StoredInstrument]) -> std::io::Result<()> {
    let header =
        ["instrument", "trades", "seconds", "from", "to", "covered", "last day", "gaps", "last stamp"];
    let mut grid = Grid::new(&header).sparing(&["last day", "from", "trades", "to", "seconds", "gaps"]);
    for one in instruments {
        let table =
            |name: &str| one.tables.iter().find(|table| table.table == name).map(|table| table.extent);
        let seconds = table("ohlcv_1s");
        let trades = one.coverage.first();
        grid.row([
            one.instrument.to_string().into(),
            rows(table("trade_events")).into(),
            rows(seconds).into(),
            seconds.map(|extent| extent.first.to_string()).unwrap_or_default().into(),
            seconds.map(|extent| extent.last.to_string()).unwrap_or_default().into(),
            trades.map(|stream| percent(&stream.overall)).unwrap_or_default(),
            trades.map(|stream| percent(&stream.last_day)).unwrap_or_default(),
            one.coverage.iter().map(|stream| stream.overall.gaps).sum::<usize>().to_string().into(),
            ago(one.age_us).into(),
        ]);
    }
    grid.print()
}

fn details(one: &StoredInstrument) -> std::io::Result<()> {
    say!("\n{} stands at {}, {}", one.instrument, one.clock, ago(one.age_us))?;
    let mut grid = Grid::new(&["table", "rows", "first", "last"]).sparing(&["first"]);
    for StoredTable { table, extent } in &one.tables {
        grid.row([table.clone(), rows(Some(*extent)), extent.first.to_string(), extent.last.to_string()]);
    }
    grid.print()?;
    if one.imports > 0 {
        say!("{} imports of candles from elsewhere", one.imports)?;
    }
    let mut grid =
        Grid::new(&["stream", "covered", "open gaps", "last day", "its gaps"]).sparing(&["its gaps"]);
    for StreamCoverage { stream, overall, last_day } in &one.coverage {
        grid.row([
            Cell::from(stream.to_string()),
            percent(overall),
            overall.gaps.to_string().into(),
            percent(last_day),
            last_day.gaps.to_string().into(),
        ]);
    }
    grid.print()
}

fn rows(extent: Option<Extent>) -> String {
    match extent {
        Some(Extent { rows, estimated: true, .. }) => format!("about {}", count(rows)),
        Some(Extent { rows, .. }) => count(rows),
        None => "0".to_owned(),
    }
}

fn percent(completeness: &Completeness) -> Cell {
    Cell::tinted(format!("{} %", completeness.percent), completeness.tier)
}
