//! Why a copy ends before its time.

use onetape_domain::instrument::Instrument;
use onetape_ports::StoreError;

use crate::manifest::Difference;

/// Differences shown of many.
const SHOWN: usize = 10;

/// A copy that was not done. What it has loaded stays, unseen; the next one goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The source failed.
    #[error("the source, {store}, cannot be read on")]
    Source {
        /// Which store.
        store: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The target failed.
    #[error("the target, {store}, took no more")]
    Target {
        /// Which store.
        store: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The source has no such instrument.
    #[error("the source has no {instrument}; it has {known}")]
    Unknown {
        /// The one that was asked for.
        instrument: Instrument,
        /// Those it has.
        known: String,
    },
    /// The target has gone further than the source.
    #[error(
        "{instrument} is in the target up to {target}, and in the source up to {source_clock}: nothing can be taken back, \
         so copy into another store, or the other way round"
    )]
    Ahead {
        /// Which one.
        instrument: Instrument,
        /// The source's clock.
        source_clock: String,
        /// The target's.
        target: String,
    },
    /// The target lacks too much for one step.
    #[error(
        "{instrument} is in the target up to {target}; the source has over {most} rows more, up to {source_clock}, which is too \
         much to add in one step: copy into an empty store"
    )]
    TooFarBehind {
        /// Which one.
        instrument: Instrument,
        /// The source's clock.
        source_clock: String,
        /// The target's.
        target: String,
        /// The most that can be added.
        most: usize,
    },
    /// The stores do not hold the same.
    #[error("the stores differ{}:{}", hint(*.resumable), listed(.differences))]
    Differ {
        /// In what.
        differences: Vec<Difference>,
        /// Whether it is a load that can be begun anew.
        resumable: bool,
    },
    /// Retention, or somebody who removed an import, changed the past of the source while it was read.
    #[error(
        "what retention has taken of {instrument}, or its imports, changed while it was read: copy it again"
    )]
    Changed {
        /// Which one.
        instrument: Instrument,
    },
    /// The stores prefer sources of imported candles in different orders.
    #[error(
        "the source prefers sources of imported candles in the order [{from}], the target in [{to}], and has imports: \
         answers would not be the same; set one order in both"
    )]
    SourceOrder {
        /// The source's.
        from: String,
        /// The target's.
        to: String,
    },
}

fn hint(resumable: bool) -> &'static str {
    if resumable { ", so the copy was not finished; begin it anew with --restart" } else { "" }
}

fn listed(differences: &[Difference]) -> String {
    let mut text: String = differences.iter().take(SHOWN).map(|one| format!("\n  {one}")).collect();
    if differences.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", differences.len() - SHOWN));
    }
    text
}
