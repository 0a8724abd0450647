//! A table on its way into the store: one batch is written while the next one is read.

use std::collections::HashMap;
use std::error::Error;

use futures::{StreamExt as _, join};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{Decision, Manifest, NewRun, PlannedPart, PlannedTable, TableProgress};
use onetape_domain::time::Timeframe;
use onetape_ports::{
    ImportBatch, LegacyError, LegacyReading, LegacyRow, LegacyRows, LegacySource, StoreErrorKind, with_causes,
};

use crate::batch::{Rows, divide};
use crate::error::MigrationError;
use crate::manager::DataMigrationManager;
use crate::metrics;
use crate::progress::{Progress, Step, Watcher, fraction};
use crate::settings::Settings;

/// Rows of a batch unless said otherwise.
pub const BATCH_ROWS: u64 = 65_536;

/// Why a table ended before its end.
pub(crate) enum Ended {
    /// By its own fault; the others go on.
    Table(String),
    /// By everybody's.
    Everything(MigrationError),
}

impl From<MigrationError> for Ended {
    fn from(error: MigrationError) -> Self {
        Self::Everything(error)
    }
}

impl Ended {
    /// By a fault of the table.
    pub(crate) fn of(error: &dyn Error) -> Self {
        Self::Table(with_causes(error))
    }
}

/// A run under way.
pub(crate) struct Import<'a, 'w> {
    manager: &'a DataMigrationManager,
    source: &'a dyn LegacySource,
    run: &'a NewRun,
    settings: Settings,
    reading: LegacyReading,
    parts: HashMap<(&'a Instrument, Timeframe), Vec<&'a PlannedPart>>,
    files: KnownFiles,
    watch: &'a mut Watcher<'w>,
    /// Rows of all tables.
    total: u64,
    /// Those that were dealt with before.
    before: u64,
    /// Those that were dealt with now.
    pub(crate) rows: u64,
    pub(crate) is_stopped: bool,
}

/// A table that is read.
struct Source<'a> {
    at: usize,
    timeframe: Timeframe,
    parts: &'a [&'a PlannedPart],
    rows: LegacyRows<'a>,
    /// Rows that were read and are in no batch yet.
    ahead: std::vec::IntoIter<LegacyRow>,
}

impl<'a, 'w> Import<'a, 'w> {
    pub(crate) fn new(
        manager: &'a DataMigrationManager,
        source: &'a dyn LegacySource,
        manifest: &'a Manifest,
        settings: Settings,
        watch: &'a mut Watcher<'w>,
    ) -> Self {
        let run = &manifest.run;
        let taken = run.tables.iter().filter(|table| matches!(table.decision, Decision::Take { .. }));
        let total = taken.map(|table| table.rows).sum();
        let before = manifest.progress.iter().map(|progress| progress.rows_read).sum();
        let mut parts = HashMap::<_, Vec<_>>::new();
        for part in &run.parts {
            parts.entry((&part.instrument, part.timeframe)).or_default().push(part);
        }
        let reading = settings.reading();
        Self {
            manager,
            source,
            run,
            settings,
            reading,
            parts,
            files: KnownFiles::default(),
            watch,
            total,
            before,
            rows: 0,
            is_stopped: false,
        }
    }

    /// Takes a table in from where it stands.
    pub(crate) async fn table(
        &mut self,
        at: usize,
        of: (&'a Instrument, Timeframe),
        progress: &TableProgress,
    ) -> Result<(), Ended> {
        let (run, source) = (self.run, self.source);
        let table = &run.tables[at];
        let number = self.files.find(source, table, &self.reading).await?;
        let parts = self.parts.get(&of).map(Vec::as_slice).unwrap_or_default().to_vec();
        let rows = source.rows(&table.path, number, &self.reading, progress.rows_read);
        let mut source = Source { at, timeframe: of.1, parts: &parts, rows, ahead: Vec::new().into_iter() };
        let none = source.rows_after(progress.sums, progress.first.zip(progress.last));
        let mut batch = self.read(&mut source, none, progress.rows_read).await?;
        let mut stands = progress.clone();
        loop {
            let none = source.rows_after(batch.sums, batch.times);
            if batch.is_last {
                metrics::taken_in(&stands, &self.write(&batch).await?);
                self.show(table, &batch);
                return Ok(());
            }
            let (written, next) = join!(self.write(&batch), self.read(&mut source, none, batch.to_row));
            let written = written?;
            metrics::taken_in(&stands, &written);
            stands = written;
            self.show(table, &batch);
            if self.is_stopped {
                return Ok(());
            }
            batch = next?;
        }
    }

    /// The next batch of a table.
    async fn read(
        &self,
        source: &mut Source<'_>,
        mut rows: Rows,
        from_row: u64,
    ) -> Result<ImportBatch, Ended> {
        let mut is_last = !source.has_more().await?;
        while !is_last && rows.count < self.manager.batch_rows {
            let missing = usize::try_from(self.manager.batch_rows - rows.count).unwrap_or(usize::MAX);
            source.ahead.by_ref().take(missing).for_each(|row| rows.add(row));
            is_last = !source.has_more().await?;
        }
        let Rows { candles, refused, count, sums, times, .. } = rows;
        let to_row = from_row + count;
        let candles = divide(candles, source.parts).map_err(|(row, time)| {
            Ended::Table(format!(
                "row {row} opens at {time}, which was not there when the import was planned"
            ))
        })?;
        Ok(ImportBatch {
            run: self.run.id.clone(),
            table: source.at as u32,
            from_row,
            to_row,
            candles,
            refused,
            on_conflict: self.settings.on_conflict.into(),
            sums,
            times,
            is_last,
        })
    }

    async fn write(&self, batch: &ImportBatch) -> Result<TableProgress, Ended> {
        let doing =
            || format!("writing rows {} to {} of table {}", batch.from_row, batch.to_row, batch.table);
        let written =
            self.manager.patient.call(doing, || self.manager.manifests.write_import_batch(batch)).await;
        match written {
            Ok(progress) => Ok(progress),
            // What the store refuses of a table, it refuses again.
            Err(MigrationError::Store { source, .. }) if source.kind() == StoreErrorKind::Data => {
                Err(Ended::of(&source))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells how far it is, once a batch is written.
    fn show(&mut self, table: &PlannedTable, batch: &ImportBatch) {
        self.rows += batch.to_row - batch.from_row;
        let fraction = fraction(self.before + self.rows, self.total);
        let progress = Progress { step: Step::Importing, subject: &table.path, rows: self.rows, fraction };
        self.is_stopped |= (self.watch)(&progress).is_break();
    }
}

impl Source<'_> {
    /// Whether there is another row; it is read then.
    async fn has_more(&mut self) -> Result<bool, Ended> {
        while self.ahead.len() == 0 {
            let Some(rows) = self.rows.next().await else { return Ok(false) };
            self.ahead = rows.map_err(|error| Ended::of(&error))?.into_iter();
        }
        Ok(true)
    }

    fn rows_after(
        &self,
        sums: onetape_domain::manifest::ColumnSums,
        times: Option<(onetape_domain::time::Timestamp, onetape_domain::time::Timestamp)>,
    ) -> Rows {
        Rows::new(self.at as u32, self.timeframe, sums, times)
    }
}

/// Files that were looked at: each is summed up and parsed once, however many tables of it are asked for.
#[derive(Debug, Default)]
pub(crate) struct KnownFiles(HashMap<String, Result<KnownFile, String>>);

#[derive(Debug)]
struct KnownFile {
    sha256: String,
    /// Names of its tables.
    tables: Vec<String>,
}

impl KnownFiles {
    /// The position of a table in its file, which must be the one that was planned.
    pub(crate) async fn find(
        &mut self,
        source: &dyn LegacySource,
        table: &PlannedTable,
        reading: &LegacyReading,
    ) -> Result<usize, Ended> {
        if !self.0.contains_key(&table.path) {
            let file = KnownFile::read(source, table, reading).await;
            self.0.insert(table.path.clone(), file.map_err(|error| with_causes(&error)));
        }
        let KnownFile { sha256, tables } = match &self.0[&table.path] {
            Ok(file) => file,
            Err(reason) => return Err(Ended::Table(reason.clone())),
        };
        if *sha256 != table.sha256 {
            let planned = &table.sha256;
            return Err(Ended::Table(format!(
                "the file has changed since the import was planned: its sha256 is {sha256}, and was {planned}"
            )));
        }
        let position = tables.iter().position(|name| *name == table.name);
        position.ok_or_else(|| Ended::Table("the file has no table of this name any more".to_owned()))
    }
}

impl KnownFile {
    async fn read(
        source: &dyn LegacySource,
        table: &PlannedTable,
        reading: &LegacyReading,
    ) -> Result<Self, LegacyError> {
        let sha256 = source.sha256(&table.path).await?;
        if sha256 != table.sha256 {
            // Of another file nothing else is asked.
            return Ok(Self { sha256, tables: Vec::new() });
        }
        let contents = source.contents(&table.path, reading).await?;
        Ok(Self { sha256, tables: contents.tables.iter().map(|said| said.names.join("/")).collect() })
    }
}
