//! The copy of one instrument.

use std::cmp::Ordering;

use onetape_domain::imported::Import;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{Load, LoadEnd, MarketStore, StoreError};

use crate::error::CopyError;
use crate::head::Head;
use crate::manifest::{Difference, Manifest};
use crate::pass::{Found, Pass, PassError};
use crate::progress::{Meter, Step};
use crate::report::{CopiedInstrument, Outcome};
use crate::update;

/// Both stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides<'a> {
    pub(crate) source: &'a dyn MarketStore,
    pub(crate) target: &'a dyn MarketStore,
}

impl Sides<'_> {
    pub(crate) fn source_failed(&self, source: StoreError) -> CopyError {
        CopyError::Source { store: self.source.to_string(), source }
    }

    pub(crate) fn target_failed(&self, source: StoreError) -> CopyError {
        CopyError::Target { store: self.target.to_string(), source }
    }

    /// The checksums of the source as of an instant, its rows into the target where they are wanted.
    pub(crate) async fn read_source(
        &self,
        pass: Pass<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<Found, CopyError> {
        let pass = Pass { store: self.source, ..pass };
        pass.run(meter).await.map_err(|error| match error {
            PassError::Read(error) => self.source_failed(error),
            PassError::Load(error) => self.target_failed(error),
        })
    }

    /// The checksums of the target as of an instant.
    pub(crate) async fn read_target(
        &self,
        pass: Pass<'_>,
        meter: &mut Meter<'_>,
    ) -> Result<Manifest, CopyError> {
        let pass = Pass { store: self.target, into: None, only: None, ..pass };
        let found = pass.run(meter).await.map_err(|error| match error {
            PassError::Read(error) | PassError::Load(error) => self.target_failed(error),
        })?;
        Ok(found.manifest)
    }
}

/// What is read of an instrument: everything known at its clock.
pub(crate) fn everything<'a>(
    sides: Sides<'a>,
    instrument: &'a Instrument,
    issued: Option<Timestamp>,
    imports: &'a [Import],
) -> Pass<'a> {
    let as_of = issued.unwrap_or(Timestamp::LATEST);
    Pass { store: sides.source, instrument, as_of, imports, into: None, only: None }
}

/// Brings an instrument into the target, and proves that it is equal there.
pub(crate) async fn copy(
    sides: Sides<'_>,
    instrument: &Instrument,
    restart: bool,
    meter: &mut Meter<'_>,
) -> Result<CopiedInstrument, CopyError> {
    let head = Head::read(sides.source, instrument).await.map_err(|error| sides.source_failed(error))?;
    let target_failed = |error| sides.target_failed(error);
    let mut load = sides.target.load_under_way(instrument).await.map_err(target_failed)?;
    if restart && load.take().is_some() {
        sides.target.discard_load(instrument).await.map_err(target_failed)?;
    }
    if load.is_none() {
        let there = Head::read(sides.target, instrument).await.map_err(target_failed)?;
        let is_there = there.clock.is_some() || (head.clock.is_none() && !there.imports.is_empty());
        if is_there {
            return of_present(sides, instrument, &head, &there, meter).await;
        }
    }
    let begun = Load { instrument: instrument.clone(), issued: head.issued() };
    sides.target.begin_load(&begun).await.map_err(target_failed)?;
    let mut imports = Vec::with_capacity(head.imports.len());
    for import in &head.imports {
        imports.push(sides.target.load_import(import).await.map_err(target_failed)?);
    }
    let loading = Loading { sides, instrument, head: &head, imports };
    let done = if load.is_some() { loading.go_on(meter).await? } else { loading.begin(meter).await? };
    loading.finish(&done.manifest).await?;
    let outcome = if load.is_some() { Outcome::Resumed } else { Outcome::Copied };
    let Done { manifest, loaded, skipped } = done;
    Ok(CopiedInstrument::of((instrument, outcome), (&manifest, &head), loaded, skipped))
}

/// An instrument that the target has: it must be the same, or a part of the same.
async fn of_present(
    sides: Sides<'_>,
    instrument: &Instrument,
    head: &Head,
    there: &Head,
    meter: &mut Meter<'_>,
) -> Result<CopiedInstrument, CopyError> {
    match there.issued().cmp(&head.issued()) {
        Ordering::Equal => {
            let manifest = compare(sides, instrument, head, there, meter, (0.0, 1.0)).await?;
            let unchanged = (instrument, Outcome::Unchanged);
            Ok(CopiedInstrument::of(unchanged, (&manifest, head), 0, manifest.parts()))
        }
        Ordering::Less => update::update(sides, instrument, head, there, meter).await,
        Ordering::Greater => Err(CopyError::Ahead {
            instrument: instrument.clone(),
            source_clock: shown(head.issued()),
            target: shown(there.issued()),
        }),
    }
}

pub(crate) fn shown(issued: Option<Timestamp>) -> String {
    issued.map_or_else(|| "the end of its imports".to_owned(), |issued| issued.to_string())
}

/// Both sides with one clock: the checksums where they are equal.
pub(crate) async fn compare(
    sides: Sides<'_>,
    instrument: &Instrument,
    head: &Head,
    there: &Head,
    meter: &mut Meter<'_>,
    (from, to): (f64, f64),
) -> Result<Manifest, CopyError> {
    let half = (from + to) / 2.0;
    let steps = [(Step::Comparing, from, half), (Step::Verifying, half, to)];
    let compared = differences(sides, instrument, head, there, meter, steps).await?;
    compared.map_err(|differences| CopyError::Differ { differences, resumable: false })
}

/// The checksums of both sides, or in what they differ.
pub(crate) async fn differences(
    sides: Sides<'_>,
    instrument: &Instrument,
    head: &Head,
    there: &Head,
    meter: &mut Meter<'_>,
    [of_source, of_target]: [(Step, f64, f64); 2],
) -> Result<Result<Manifest, Vec<Difference>>, CopyError> {
    meter.pass(of_source.0, of_source.1, of_source.2);
    let pass = everything(sides, instrument, head.issued(), &head.imports);
    let ours = sides.read_source(pass, meter).await?.manifest;
    meter.pass(of_target.0, of_target.1, of_target.2);
    let theirs = sides.read_target(Pass { imports: &there.imports, ..pass }, meter).await?;
    let mut differences = head.differences(there, instrument);
    differences.extend(ours.differences(&theirs, instrument));
    Ok(if differences.is_empty() { Ok(ours) } else { Err(differences) })
}

/// A load that was begun.
struct Loading<'a> {
    sides: Sides<'a>,
    instrument: &'a Instrument,
    head: &'a Head,
    /// With the numbers they have in the target.
    imports: Vec<Import>,
}

/// All rows are there.
struct Done {
    manifest: Manifest,
    loaded: u64,
    skipped: usize,
}

impl Loading<'_> {
    /// Nothing is there yet: the source is read once.
    async fn begin(&self, meter: &mut Meter<'_>) -> Result<Done, CopyError> {
        meter.pass(Step::Loading, 0.0, 0.6);
        let pass = Pass { into: Some(self.sides.target), ..self.source() };
        let Found { manifest, loaded } = self.sides.read_source(pass, meter).await?;
        meter.pass(Step::Verifying, 0.6, 1.0);
        self.prove(&manifest, &self.read_target(meter).await?)?;
        Ok(Done { manifest, loaded, skipped: 0 })
    }

    /// Something may be there: only what differs is loaded.
    async fn go_on(&self, meter: &mut Meter<'_>) -> Result<Done, CopyError> {
        meter.pass(Step::Comparing, 0.0, 0.25);
        let manifest = self.sides.read_source(self.source(), meter).await?.manifest;
        meter.pass(Step::Comparing, 0.25, 0.5);
        let mut stored = self.read_target(meter).await?;
        let missing = manifest.differing(&stored);
        let mut loaded = 0;
        if !missing.is_empty() {
            meter.pass(Step::Loading, 0.5, 0.75);
            let pass = Pass { into: Some(self.sides.target), only: Some(&missing), ..self.source() };
            loaded = self.sides.read_source(pass, meter).await?.loaded;
            meter.pass(Step::Verifying, 0.75, 1.0);
            stored = self.read_target(meter).await?;
        }
        self.prove(&manifest, &stored)?;
        let skipped = manifest.parts().saturating_sub(missing.len());
        Ok(Done { manifest, loaded, skipped })
    }

    fn source(&self) -> Pass<'_> {
        everything(self.sides, self.instrument, self.head.issued(), &self.head.imports)
    }

    async fn read_target(&self, meter: &mut Meter<'_>) -> Result<Manifest, CopyError> {
        self.sides.read_target(Pass { imports: &self.imports, ..self.source() }, meter).await
    }

    fn prove(&self, manifest: &Manifest, stored: &Manifest) -> Result<(), CopyError> {
        let differences = manifest.differences(stored, self.instrument);
        if differences.is_empty() { Ok(()) } else { Err(CopyError::Differ { differences, resumable: true }) }
    }

    /// Makes the instrument visible, where the source's past is still what was read.
    async fn finish(&self, manifest: &Manifest) -> Result<(), CopyError> {
        let Self { sides, instrument, head, imports } = self;
        let now = Head::read(sides.source, instrument).await.map_err(|error| sides.source_failed(error))?;
        let now = match head.issued() {
            Some(issued) => now.known_at(issued),
            None => now,
        };
        if now.expiry != head.expiry || head.imports.iter().any(|import| !now.imports.contains(import)) {
            return Err(CopyError::Changed { instrument: (*instrument).clone() });
        }
        let end = LoadEnd {
            instrument: (*instrument).clone(),
            clock: head.clock.clone(),
            expiry: head.expiry,
            imports: imports.clone(),
        };
        let target_failed = |error| sides.target_failed(error);
        sides.target.finish_load(&end).await.map_err(target_failed)?;
        let there = Head::read(sides.target, instrument).await.map_err(target_failed)?;
        let differences = head.differences(&there, instrument);
        if !differences.is_empty() {
            return Err(CopyError::Differ { differences, resumable: false });
        }
        tracing::info!(
            copy.instrument = %instrument,
            copy.rows = manifest.rows(),
            copy.checksum = manifest.checksum(head),
            "an instrument was copied"
        );
        Ok(())
    }
}
