//! The copy of a store, or of some of its instruments, and the comparison of two.

use std::collections::BTreeSet;

use futures::TryStreamExt as _;
use onetape_domain::imported::Source;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_ports::{MarketStore, StoreError};

use crate::CopyOptions;
use crate::digest::{Checksum, Columns};
use crate::error::CopyError;
use crate::head::Head;
use crate::instrument::{self, Sides, differences, shown};
use crate::manifest::Difference;
use crate::progress::{Meter, Progress, Step};
use crate::records::Record;
use crate::report::{CopyReport, Verification};

/// Instruments named where one is not known.
const NAMED: usize = 8;

/// Copies instruments from `source` into `target`, and proves each to be equal there before anybody sees it.
///
/// Doing it again changes nothing; after an interruption it goes on where it was. An instrument that the target has up to
/// an earlier clock is brought up to the source's, if that is not too much for one transaction.
///
/// # Errors
/// What either store reports, and where the target holds something else; see [`CopyError`]. The future may be dropped at
/// any time.
pub async fn copy(
    source: &dyn MarketStore,
    target: &dyn MarketStore,
    options: &CopyOptions,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Result<CopyReport, CopyError> {
    let sides = Sides { source, target };
    let there = source.archived().await.map_err(|error| sides.source_failed(error))?;
    let chosen = chosen(&there, &options.instruments)?;
    set_source_order(sides, &chosen).await?;
    let mut report = CopyReport::default();
    if let Some(first) = chosen.first() {
        let mut meter = Meter::new(progress, first.clone());
        for (before, instrument) in chosen.iter().enumerate() {
            meter.instrument(instrument, before, chosen.len());
            let copied = instrument::copy(sides, instrument, options.restart, &mut meter).await?;
            report.instruments.push(copied);
        }
    }
    report.quarantined = quarantine(sides, &options.instruments).await?;
    Ok(report)
}

/// Compares two stores and writes nothing. Where the clocks of an instrument differ, its rows are compared as of the
/// earlier one.
///
/// # Errors
/// What either store reports; that they differ is no error.
pub async fn verify(
    source: &dyn MarketStore,
    target: &dyn MarketStore,
    options: &CopyOptions,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Result<Verification, CopyError> {
    let sides = Sides { source, target };
    let mut there = source.archived().await.map_err(|error| sides.source_failed(error))?;
    there.extend(target.archived().await.map_err(|error| sides.target_failed(error))?);
    let chosen = chosen(&there, &options.instruments)?;
    let mut report = Verification::default();
    report.differences.extend(order_difference(sides).await?);
    if let Some(first) = chosen.first() {
        let mut meter = Meter::new(progress, first.clone());
        for (before, instrument) in chosen.iter().enumerate() {
            meter.instrument(instrument, before, chosen.len());
            verify_instrument(sides, instrument, &mut meter, &mut report).await?;
        }
    }
    report.differences.extend(quarantine_difference(sides, &options.instruments).await?);
    Ok(report)
}

async fn verify_instrument(
    sides: Sides<'_>,
    instrument: &Instrument,
    meter: &mut Meter<'_>,
    report: &mut Verification,
) -> Result<(), CopyError> {
    let head = Head::read(sides.source, instrument).await.map_err(|error| sides.source_failed(error))?;
    let there = Head::read(sides.target, instrument).await.map_err(|error| sides.target_failed(error))?;
    let is_missing = |head: &Head| head.clock.is_none() && head.imports.is_empty();
    let state = |head: &Head| if is_missing(head) { "nothing".to_owned() } else { shown(head.issued()) };
    if head.issued() != there.issued() || is_missing(&head) != is_missing(&there) {
        report.differences.push(Difference {
            instrument: Some(instrument.clone()),
            what: "clock".to_owned(),
            day: None,
            source: state(&head),
            target: state(&there),
        });
        if is_missing(&head) || is_missing(&there) {
            return Ok(());
        }
    }
    // As of the earlier one; the clocks themselves were compared.
    let earlier = if head.issued() <= there.issued() { head.clock.clone() } else { there.clock.clone() };
    let same_clock = head.issued() == there.issued();
    let as_of = |head: Head| match &earlier {
        Some(clock) if !same_clock => Head { clock: Some(clock.clone()), ..head.known_at(clock.issued) },
        _ => head,
    };
    let (head, there) = (as_of(head), as_of(there));
    let steps = [(Step::Comparing, 0.0, 0.5), (Step::Verifying, 0.5, 1.0)];
    match differences(sides, instrument, &head, &there, meter, steps).await? {
        Ok(manifest) if same_clock => report.equal.push((instrument.clone(), manifest.checksum(&head))),
        Ok(_) => {}
        Err(found) => report.differences.extend(found),
    }
    Ok(())
}

fn chosen(there: &BTreeSet<Instrument>, wanted: &BTreeSet<Instrument>) -> Result<Vec<Instrument>, CopyError> {
    if let Some(missing) = wanted.iter().find(|instrument| !there.contains(instrument)) {
        let mut known: Vec<String> = there.iter().take(NAMED).map(ToString::to_string).collect();
        if known.is_empty() {
            known.push("none".to_owned());
        }
        return Err(CopyError::Unknown { instrument: missing.clone(), known: known.join(", ") });
    }
    Ok(if wanted.is_empty() { there } else { wanted }.iter().cloned().collect())
}

/// The order of sources is the store's, and decides what its instruments answer with: a target that has imports keeps its
/// own, and must then have the source's.
async fn set_source_order(sides: Sides<'_>, chosen: &[Instrument]) -> Result<(), CopyError> {
    let (from, to) = source_orders(sides).await?;
    if from == to
        || (from.is_empty()
            && !has_imports(sides.source, chosen).await.map_err(|error| sides.source_failed(error))?)
    {
        return Ok(());
    }
    let target_failed = |error| sides.target_failed(error);
    let present: Vec<Instrument> =
        sides.target.archived().await.map_err(target_failed)?.into_iter().collect();
    if to.is_empty() && !has_imports(sides.target, &present).await.map_err(target_failed)? {
        return sides.target.set_source_order(&from).await.map_err(target_failed);
    }
    Err(CopyError::SourceOrder { from: listed(&from), to: listed(&to) })
}

async fn has_imports(store: &dyn MarketStore, instruments: &[Instrument]) -> Result<bool, StoreError> {
    for instrument in instruments {
        if !store.imports(instrument).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn source_orders(sides: Sides<'_>) -> Result<(Vec<Source>, Vec<Source>), CopyError> {
    let from = sides.source.source_order().await.map_err(|error| sides.source_failed(error))?;
    let to = sides.target.source_order().await.map_err(|error| sides.target_failed(error))?;
    Ok((from, to))
}

async fn order_difference(sides: Sides<'_>) -> Result<Option<Difference>, CopyError> {
    let (from, to) = source_orders(sides).await?;
    Ok((from != to).then(|| store_difference("order of sources", listed(&from), listed(&to))))
}

fn listed(order: &[Source]) -> String {
    order.iter().map(Source::as_str).collect::<Vec<_>>().join(", ")
}

fn store_difference(what: &str, source: String, target: String) -> Difference {
    Difference { instrument: None, what: what.to_owned(), day: None, source, target }
}

fn is_wanted(record: &QuarantinedRecord, instruments: &BTreeSet<Instrument>) -> bool {
    instruments.is_empty() || record.instrument.as_ref().is_some_and(|one| instruments.contains(one))
}

/// Refused records, in the order in which they were written; says how many were new.
async fn quarantine(sides: Sides<'_>, instruments: &BTreeSet<Instrument>) -> Result<u64, CopyError> {
    let (mut new, mut pending) = (0, Vec::new());
    let mut records = sides.source.stream_quarantined();
    while let Some(record) = records.try_next().await.map_err(|error| sides.source_failed(error))? {
        if is_wanted(&record, instruments) {
            pending.push(record);
        }
        if pending.len() == QuarantinedRecord::BATCH {
            new += sides.target.quarantine(&pending).await.map_err(|error| sides.target_failed(error))?;
            pending.clear();
        }
    }
    Ok(new + sides.target.quarantine(&pending).await.map_err(|error| sides.target_failed(error))?)
}

async fn quarantine_difference(
    sides: Sides<'_>,
    instruments: &BTreeSet<Instrument>,
) -> Result<Option<Difference>, CopyError> {
    let from = records(sides.source, instruments).await.map_err(|error| sides.source_failed(error))?;
    let to = records(sides.target, instruments).await.map_err(|error| sides.target_failed(error))?;
    let shown = |sum: Checksum| format!("{} records, {:.12}…", sum.rows, sum.to_string());
    Ok((from != to).then(|| store_difference("quarantine", shown(from), shown(to))))
}

async fn records(
    store: &dyn MarketStore,
    instruments: &BTreeSet<Instrument>,
) -> Result<Checksum, StoreError> {
    let (mut sum, mut columns) = (Checksum::default(), Columns::default());
    let mut records = store.stream_quarantined();
    while let Some(record) = records.try_next().await? {
        if is_wanted(&record, instruments) {
            columns.clear();
            record.write(&mut columns);
            sum.add(&columns);
        }
    }
    Ok(sum)
}
