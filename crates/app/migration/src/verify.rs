//! The proof: files and store are read again, and every value is compared.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{Decision, Manifest, PlannedPart, RunId, RunState};
use onetape_domain::time::{TimeRange, Timeframe};
use onetape_ports::LegacySource;

use crate::compare::{Comparison, Differences};
use crate::error::MigrationError;
use crate::manager::{DataMigrationManager, settings_of};
use crate::presence::Presence;
use crate::progress::{Progress, Step, Watcher, fraction};
use crate::rolled::RollUps;
use crate::survey::Surveyor;
use crate::table::KnownFiles;
use crate::verification::{CandlesCheck, Difference, Verification};

/// Candles between two looks at who watches.
const LOOK_EVERY: u64 = 65_536;

impl DataMigrationManager {
    /// Reads the files of a finished run again and compares them with the store, value by value and in both directions: every
    /// candle that counts must be there as it is in its file, and nothing else may be. Checksums, counts and what imports speak
    /// of are compared with what was recorded, and the coarser candles that the store rolled up with what its candles come to.
    ///
    /// # Errors
    /// Where there is no such run or it is not finished, where the store fails, and [`MigrationError::Stopped`]. What differs is
    /// in the answer, and files that cannot be read any more are too.
    pub async fn verify(
        &self,
        source: &dyn LegacySource,
        run: &RunId,
        watch: &mut Watcher<'_>,
    ) -> Result<Verification, MigrationError> {
        let manifest = self.manifest(run).await?;
        if manifest.state != RunState::Finished {
            let (run, state) = (run.clone(), manifest.state);
            return Err(MigrationError::State { run, state, rule: "only a finished run can be verified" });
        }
        let settings = settings_of(&manifest)?;
        let mut differences = Differences::default();
        let (mut candles, mut files) = (Vec::new(), KnownFiles::default());
        let mut rows = 0;
        let total = manifest.progress.iter().map(|progress| progress.rows_read).sum();
        for ((instrument, timeframe), group) in groups(&manifest) {
            let mut comparison = Comparison {
                manager: self,
                source,
                settings: &settings,
                reading: settings.reading(),
                files: &mut files,
                timeframe,
                parts: &group.parts,
                seen: Presence::default(),
                met: Presence::default(),
                wrong: Presence::default(),
                late: BTreeMap::new(),
                differences: &mut differences,
                watch: &mut *watch,
                rows,
                total,
            };
            for table in &group.tables {
                comparison.table(&manifest.run.tables[*table], &manifest.progress[*table]).await?;
            }
            rows = comparison.rows;
            let seen = comparison.finish(&instrument);
            let expected = group.tables.iter().map(|table| manifest.progress[*table].new).sum();
            let check = self
                .read_parts((&instrument, timeframe), &group.parts, &seen, &mut differences, watch)
                .await?;
            if check.survey.candles != expected {
                let (recorded, stored) = (expected, check.survey.candles);
                differences.add(Difference::Count { instrument, timeframe, recorded, stored });
            }
            candles.push(check);
        }
        let Differences { count, first } = differences;
        Ok(Verification { run: run.clone(), rows, candles, differences: first, count })
    }

    /// Reads everything the store has of parts, oldest first: whether it is more than there should be, and what stands out.
    async fn read_parts(
        &self,
        (instrument, timeframe): (&Instrument, Timeframe),
        parts: &[&PlannedPart],
        seen: &Presence,
        differences: &mut Differences,
        watch: &mut Watcher<'_>,
    ) -> Result<CandlesCheck, MigrationError> {
        let doing = || format!("reading the imports of {instrument}");
        let imports = self.patient.call(doing, || self.imports.imports(instrument)).await?;
        let mut surveyor = Surveyor::new(timeframe);
        let (mut read, mut rolled_up, all) = (0, 0, seen.len());
        for part in parts {
            let import = imports.iter().find(|import| import.id == part.id);
            let mut rolled = import.map(|import| RollUps::new(self, import));
            let covered = import.map(|import| import.covered);
            if covered != Some(part.covered) {
                differences.add(Difference::Part {
                    import: part.id.clone(),
                    planned: part.covered,
                    stored: covered,
                });
            }
            surveyor.begin(part.covered);
            let mut candles = self.manifests.stream_import(&part.id, TimeRange::ALL);
            while let Some(candle) = candles.next().await {
                let candle =
                    candle.map_err(|error| self.patient.failed(format!("reading {}", part.id), error))?;
                if !seen.contains(timeframe, candle.open_time()) {
                    let (import, open_time) = (part.id.clone(), candle.open_time());
                    differences.add(Difference::Extra { import, open_time });
                }
                surveyor.add(&candle);
                if let Some(rolled) = &mut rolled {
                    rolled.add(&candle, differences).await?;
                }
                read += 1;
                if read % LOOK_EVERY == 0 {
                    let fraction = fraction(read, all);
                    let progress =
                        Progress { step: Step::Reading, subject: part.id.as_str(), rows: read, fraction };
                    if watch(&progress).is_break() {
                        return Err(MigrationError::Stopped);
                    }
                }
            }
            surveyor.finish();
            if let Some(mut rolled) = rolled {
                rolled.finish(differences).await?;
                rolled_up += rolled.compared;
            }
        }
        let (instrument, parts, survey) = (instrument.clone(), parts.len() as u64, surveyor.survey());
        Ok(CandlesCheck { instrument, timeframe, parts, rolled_up, survey })
    }
}

/// Tables and parts of an instrument and a timeframe.
#[derive(Default)]
struct Group<'a> {
    /// Positions in the run.
    tables: Vec<usize>,
    /// By time.
    parts: Vec<&'a PlannedPart>,
}

fn groups(manifest: &Manifest) -> BTreeMap<(Instrument, Timeframe), Group<'_>> {
    let mut groups = BTreeMap::<_, Group<'_>>::new();
    for (at, table) in manifest.run.tables.iter().enumerate() {
        if let Decision::Take { instrument, timeframe } = &table.decision {
            groups.entry((instrument.clone(), *timeframe)).or_default().tables.push(at);
        }
    }
    for part in &manifest.run.parts {
        groups.entry((part.instrument.clone(), part.timeframe)).or_default().parts.push(part);
    }
    groups
}
