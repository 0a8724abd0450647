//! `onetape gaps`: what is missing, and why.

mod repair;

use anyhow::anyhow;
use onetape::domain::coverage::HoleState;
use onetape::prelude::*;
use onetape::{GapsOfInstrument, KnownGap};

use crate::args::{GapsArgs, GapsCommand, InstrumentName, ListArgs};
use crate::context::Context;
use crate::hint::hinted;
use crate::output::colours::Tint;
use crate::output::grid::{Cell, Grid};
use crate::output::quantities::{count, span};
use crate::output::say;

/// Gaps of an instrument that are shown to people.
const SHOWN: usize = 50;

pub(crate) async fn run(args: GapsArgs, context: Context) -> anyhow::Result<()> {
    match args.command {
        GapsCommand::List(args) => list(args, context).await,
        GapsCommand::Repair(args) => repair::run(args, context).await,
    }
}

async fn list(args: ListArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let named = named(&args.instruments, &context)?;
    let tape = context.open_to_read().await?;
    let mut gaps = of_named(&tape, &named, args.at).await?;
    if let Some(stream) = args.stream {
        gaps.iter_mut().for_each(|one| one.gaps.retain(|gap| gap.stream == stream));
    }
    if args.json {
        say!("{}", onetape::domain::canonical::to_string(&gaps)?)?;
        return Ok(());
    }
    if gaps.is_empty() {
        say!("nothing is stored yet: `onetape demo` or `onetape replay FILES` fills it")?;
    }
    gaps.iter().try_for_each(print)?;
    Ok(())
}

fn named(names: &[InstrumentName], context: &Context) -> anyhow::Result<Vec<Instrument>> {
    names.iter().map(|name| context.instrument(name)).collect()
}

/// The gaps of these, each of which must be there, or of all.
async fn of_named(
    tape: &Onetape,
    named: &[Instrument],
    at: Option<Timestamp>,
) -> anyhow::Result<Vec<GapsOfInstrument>> {
    let gaps = tape.gaps(named, at).await?;
    let is_there = |named: &&Instrument| gaps.iter().any(|one| one.instrument == **named);
    if let Some(missing) = named.iter().find(|named| !is_there(named)) {
        let error = anyhow!("there is no data of {missing}");
        return Err(hinted(error, "`onetape status` lists what is stored"));
    }
    Ok(gaps)
}

fn print(one: &GapsOfInstrument) -> std::io::Result<()> {
    let GapsOfInstrument { instrument, as_of, measured_to, gaps, .. } = one;
    let until = match measured_to {
        Some(until) => format!("measured to {until}"),
        None => "nothing is proven yet".to_owned(),
    };
    if gaps.is_empty() {
        return say!("{instrument} has no gaps as of {as_of}, {until}");
    }
    say!("{instrument} as of {as_of}, {until}")?;
    let mut grid = Grid::new(&["stream", "begin", "end", "length", "state", "missing", "reason"])
        .sparing(&["end", "missing", "length"]);
    for gap in &gaps[..gaps.len().min(SHOWN)] {
        let KnownGap { stream, begin, end, length_us, state, reason, missing_ids, .. } = gap;
        grid.row([
            Cell::from(stream.to_string()),
            begin.to_string().into(),
            end.to_string().into(),
            span(*length_us).into(),
            tinted(*state),
            if *missing_ids > 0 { format!("{} trades", count(*missing_ids)) } else { String::new() }.into(),
            reason.clone().into(),
        ]);
    }
    grid.print()?;
    if let Some(more) = gaps.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        say!("and {} more: --json shows all", count(more as u64))?;
    }
    Ok(())
}

fn tinted(state: HoleState) -> Cell {
    let tint = match state {
        HoleState::Open => Tint::Fair,
        HoleState::Unfillable | HoleState::Unproven => Tint::Bad,
    };
    Cell::tinted(state.as_str(), tint)
}
