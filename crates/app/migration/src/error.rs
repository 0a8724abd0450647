//! Why something about an import is not done.

use onetape_domain::imported::ImportId;
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{MAX_TABLES, RunId, RunState};
use onetape_domain::time::Timeframe;
use onetape_domain::violation::Violations;
use onetape_ports::{LegacyError, StoreError};

/// Runs named of many.
const SHOWN: usize = 10;

/// A plan, a run, a comparison or a removal that ended before its time. What a run has written stays, and the next one goes
/// on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The folder cannot be read.
    #[error("{origin} cannot be read")]
    Origin {
        /// The folder.
        origin: String,
        /// Why.
        #[source]
        source: LegacyError,
    },
    /// The store failed.
    #[error("{store} failed while {doing}")]
    Store {
        /// Which store.
        store: String,
        /// What was being done.
        doing: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The folder has too many tables.
    #[error("the folder has more than {MAX_TABLES} tables")]
    TooManyTables,
    /// Candles have so many holes that they would become too many imports.
    #[error(
        "the {timeframe} candles of {instrument} have holes that divide them into more than {most} parts: say that longer silence \
         is quiet trade, or that each day with a candle is whole, or allow more parts; rows that are refused are holes in any case"
    )]
    TooManyParts {
        /// Whose candles.
        instrument: Instrument,
        /// Their period.
        timeframe: Timeframe,
        /// The most that are allowed.
        most: usize,
    },
    /// There is nothing to take in.
    #[error("no table of {origin} holds candles that can be taken in")]
    NothingToTake {
        /// The folder.
        origin: String,
    },
    /// There is no such run.
    #[error("there is no run {run}; {}", listed(.known))]
    UnknownRun {
        /// The one that was asked for.
        run: RunId,
        /// Those that there are.
        known: Vec<RunId>,
    },
    /// No run was named, and it is not clear which one is meant.
    #[error("which run is meant? {}", listed(.known))]
    WhichRun {
        /// Those that there are.
        known: Vec<RunId>,
    },
    /// No run was named, and none is in a state for what is to be done.
    #[error("no run is {}; {}", either(.wanted), listed_with_states(.known))]
    NoneSuch {
        /// The states that would do.
        wanted: Vec<RunState>,
        /// The runs that there are.
        known: Vec<(RunId, RunState)>,
    },
    /// A run of this name was planned otherwise.
    #[error("the run {run} is there already, with other tables or settings: give this one another name")]
    Other {
        /// Its name.
        run: RunId,
    },
    /// The store has imports that the run would make.
    #[error(
        "the store has the import {import} already, and no record of the run {run}: give the run another name"
    )]
    Taken {
        /// The run's name.
        run: RunId,
        /// The import.
        import: ImportId,
    },
    /// A name that was made for a run or an import breaks the rules of names.
    #[error("the import cannot be named")]
    Name(#[source] Violations),
    /// It was told to stop, and has changed nothing.
    #[error("it was stopped, and nothing was changed")]
    Stopped,
    /// The run is not in a state for this.
    #[error("the run {run} is {}: {rule}", .state.as_str())]
    State {
        /// Its name.
        run: RunId,
        /// What it is.
        state: RunState,
        /// What follows.
        rule: &'static str,
    },
    /// What is recorded of a run cannot be understood.
    #[error("the settings recorded of the run {run} cannot be read")]
    Settings {
        /// Its name.
        run: RunId,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

fn either(states: &[RunState]) -> String {
    let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    names.join(" or ")
}

fn listed_with_states(runs: &[(RunId, RunState)]) -> String {
    let runs: Vec<_> = runs.iter().map(|(run, state)| format!("{run} ({})", state.as_str())).collect();
    shown(runs.iter().map(String::as_str), runs.len())
}

fn listed(runs: &[RunId]) -> String {
    if runs.is_empty() {
        return "the store has none".to_owned();
    }
    shown(runs.iter().map(RunId::as_str), runs.len())
}

/// The newest of so many runs, given oldest first.
fn shown<'a>(runs: impl DoubleEndedIterator<Item = &'a str>, count: usize) -> String {
    let names: Vec<&str> = runs.rev().take(SHOWN).collect();
    let more = if count > SHOWN { ", …" } else { "" };
    format!("the store has {}{more}", names.join(", "))
}
