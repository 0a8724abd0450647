//! What becomes of each row group when candles are put into a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use onetape_domain::candle::Candle;
use onetape_ports::LegacyAppended;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;

use super::table::Table;
use crate::error::{LegacyError, LegacyErrorKind};
use crate::parquet::ParquetFile;

/// Rows of a row group. The last one is decoded and written again as long as it has fewer.
pub const GROUP_ROWS: usize = 65_536;

/// What is to be written.
pub(super) struct Plan {
    /// The candles as rows of the file, by time.
    rows: RecordBatch,
    /// Their times.
    times: Vec<i64>,
    /// By row group: the candles that it is given. Those of no row group come after all.
    given: BTreeMap<Option<usize>, Vec<usize>>,
    /// Row groups that lose rows: of the candles that are replaced.
    losing: BTreeSet<usize>,
    /// Candles that are replaced.
    replaced: BTreeSet<i64>,
    counts: LegacyAppended,
}

impl Plan {
    pub(super) fn counts(&self) -> LegacyAppended {
        self.counts
    }

    pub(super) fn changes(&self) -> bool {
        !self.given.is_empty()
    }
}

/// A candle in the file: where it was found first, and whether every row of its time says the same as it.
struct Found {
    group: usize,
    is_same: bool,
}

/// Finds out what is there of the candles, and where each belongs.
pub(super) fn plan(table: &Table<'_>, candles: &[Candle], place: &str) -> Result<Plan, LegacyError> {
    let by_time: BTreeMap<i64, &Candle> =
        candles.iter().map(|candle| (table.time(candle.open_time()), candle)).collect();
    let times: Vec<i64> = by_time.keys().copied().collect();
    let rows = table.rows(&by_time.into_values().collect::<Vec<_>>(), place)?;
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let mut holders: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut ranges = Vec::new();
    if let Some(file) = table.old {
        file.check_all()?;
        for (group, described) in file.metadata().row_groups().iter().enumerate() {
            let range = table.range(described);
            ranges.push(range);
            let is_there = |(least, most): (i64, i64)| times.iter().any(|time| (least..=most).contains(time));
            if described.num_rows() == 0 || !range.is_none_or(is_there) {
                continue;
            }
            let batch = table.read(file, group, place)?;
            for (row, time) in table.times(&batch).into_iter().enumerate() {
                let Some(at) = time.and_then(|time| times.binary_search(&time).ok()) else { continue };
                let is_same = table.is_same((&rows, at), (&batch, row));
                found
                    .entry(at)
                    .and_modify(|found| found.is_same &= is_same)
                    .or_insert(Found { group, is_same });
                holders.entry(at).or_default().insert(group);
            }
        }
    }
    let tail = table.old.and_then(tail);
    let greatest = ranges.iter().flatten().map(|(_, most)| *most).max();
    let home = |time: i64| -> Option<usize> {
        if greatest.is_none_or(|greatest| time > greatest) {
            return tail;
        }
        ranges.iter().rposition(|range| range.is_some_and(|(least, _)| least <= time)).or(Some(0))
    };
    let mut plan = Plan {
        rows,
        given: BTreeMap::new(),
        losing: BTreeSet::new(),
        replaced: BTreeSet::new(),
        counts: LegacyAppended::default(),
        times,
    };
    for (at, time) in plan.times.iter().enumerate() {
        match found.get(&at) {
            Some(Found { is_same: true, .. }) => plan.counts.same += 1,
            Some(Found { group, .. }) => {
                plan.counts.replaced += 1;
                plan.replaced.insert(*time);
                plan.losing.extend(holders.remove(&at).unwrap_or_default());
                plan.given.entry(Some(*group)).or_default().push(at);
            }
            None => {
                plan.counts.new += 1;
                plan.given.entry(home(*time)).or_default().push(at);
            }
        }
    }
    Ok(plan)
}

/// The last row group, where it is to be filled up.
fn tail(file: &ParquetFile) -> Option<usize> {
    let groups = file.metadata().row_groups();
    let last = groups.len().checked_sub(1)?;
    (groups[last].num_rows() < GROUP_ROWS as i64).then_some(last)
}

/// Writes the file that a plan makes.
pub(super) fn write(
    table: &Table<'_>,
    plan: &Plan,
    file: &mut BufWriter<File>,
    place: &str,
) -> Result<(), LegacyError> {
    let failed = |error: ParquetError| match error {
        ParquetError::External(source) => {
            LegacyError::new(LegacyErrorKind::Io, place, format!("cannot be written: {source}"))
        }
        error => LegacyError::new(LegacyErrorKind::Io, place, format!("cannot be written: {error}")),
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_created_by(concat!("onetape version ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer =
        SerializedFileWriter::new(file, Arc::clone(&table.parquet), Arc::new(properties)).map_err(failed)?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&table.schema));
    let mut written = 0;
    let encode = |writer: &mut SerializedFileWriter<_>, batch: &RecordBatch, size: usize| {
        for from in (0..batch.num_rows()).step_by(size) {
            let part = batch.slice(from, size.min(batch.num_rows() - from));
            encode(&factory, writer, &part, &table.schema)?;
        }
        Ok(batch.num_rows() as u64)
    };
    if let Some(old) = table.old {
        for (group, described) in old.metadata().row_groups().iter().enumerate() {
            let given = plan.given.get(&Some(group));
            if given.is_none() && !plan.losing.contains(&group) {
                copy(old, group, &mut writer).map_err(failed)?;
                written += u64::try_from(described.num_rows()).unwrap_or(0);
                continue;
            }
            let batch = table.read(old, group, place)?;
            let merged = merged(table, plan, &batch, given.map_or(&[], Vec::as_slice), place)?;
            // The last one is filled up; others stay what they are.
            let size = if Some(group) == tail(old) { GROUP_ROWS } else { GROUP_ROWS.max(merged.num_rows()) };
            written += encode(&mut writer, &merged, size).map_err(failed)?;
        }
    }
    if let Some(given) = plan.given.get(&None) {
        let rows = take(&plan.rows, given, place)?;
        written += encode(&mut writer, &rows, GROUP_ROWS).map_err(failed)?;
    }
    table.notes(written).into_iter().for_each(|note| writer.append_key_value_metadata(note));
    writer.close().map_err(failed)?;
    Ok(())
}

/// The rows of a row group with the candles it is given, each before the first row of a later time.
fn merged(
    table: &Table<'_>,
    plan: &Plan,
    batch: &RecordBatch,
    given: &[usize],
    place: &str,
) -> Result<RecordBatch, LegacyError> {
    let mut order = Vec::with_capacity(batch.num_rows() + given.len());
    let mut next = given.iter().peekable();
    for (row, time) in table.times(batch).into_iter().enumerate() {
        if let Some(time) = time {
            while let Some(at) = next.next_if(|at| plan.times[**at] <= time) {
                order.push(batch.num_rows() + at);
            }
            if plan.replaced.contains(&time) {
                continue;
            }
        }
        order.push(row);
    }
    order.extend(next.map(|at| batch.num_rows() + at));
    let both = concat_batches(&table.schema, [batch, &plan.rows])
        .map_err(|error| LegacyError::new(LegacyErrorKind::Unsupported, place, error))?;
    take(&both, &order, place)
}

fn take(batch: &RecordBatch, rows: &[usize], place: &str) -> Result<RecordBatch, LegacyError> {
    // Row groups that are decoded have few rows.
    let rows = UInt32Array::from_iter_values(rows.iter().map(|row| u32::try_from(*row).unwrap_or(u32::MAX)));
    take_record_batch(batch, &rows)
        .map_err(|error| LegacyError::new(LegacyErrorKind::Unsupported, place, error))
}

/// Writes rows as a row group.
fn encode(
    factory: &ArrowRowGroupWriterFactory,
    writer: &mut SerializedFileWriter<&mut BufWriter<File>>,
    batch: &RecordBatch,
    schema: &arrow_schema::Schema,
) -> Result<(), ParquetError> {
    let mut columns = factory.create_column_writers(writer.flushed_row_groups().len())?;
    let leaves =
        schema.fields().iter().zip(batch.columns()).map(|(field, values)| compute_leaves(field, values));
    // Every column is one leaf: others are refused before.
    let leaves = leaves.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
    for (column, leaf) in columns.iter_mut().zip(leaves) {
        column.write(&leaf)?;
    }
    let mut group = writer.next_row_group()?;
    for column in columns {
        column.close()?.append_to_row_group(&mut group)?;
    }
    group.close()?;
    Ok(())
}

/// Copies a row group as it is.
fn copy(
    old: &ParquetFile,
    group: usize,
    writer: &mut SerializedFileWriter<&mut BufWriter<File>>,
) -> Result<(), ParquetError> {
    let described = old.metadata().row_group(group);
    let mut copied = writer.next_row_group()?;
    for column in described.columns() {
        let close = ColumnCloseResult {
            bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
            rows_written: u64::try_from(described.num_rows()).unwrap_or(0),
            metadata: column.clone(),
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        copied.append_column(old.file(), close)?;
    }
    copied.close()?;
    Ok(())
}
