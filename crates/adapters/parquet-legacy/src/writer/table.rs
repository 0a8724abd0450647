//! The columns of a file that is written: those of a new one, or of the one that is there.

use std::fmt::Display;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, new_null_array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::time::Timestamp;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Type as Physical;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use parquet::schema::types::TypePtr;
use serde_json::{Value, json};

use crate::error::{LegacyError, LegacyErrorKind};
use crate::layout::{CandleLayout, NumberUnit};
use crate::parquet::{ParquetFile, guarded};

/// Most rows of a row group in which something is changed: it is decoded as a whole.
pub const MAX_CHANGED_GROUP_ROWS: i64 = 1 << 21;

/// Key of what pandas notes of its tables.
const PANDAS: &str = "pandas";

/// The columns of a file, and the file itself where there is one.
pub(super) struct Table<'a> {
    pub(super) old: Option<&'a ParquetFile>,
    pub(super) schema: SchemaRef,
    pub(super) parquet: TypePtr,
    layout: CandleLayout,
    unit: TimeUnit,
}

impl<'a> Table<'a> {
    /// Columns of a file, or those of a new one.
    pub(super) fn of(old: Option<&'a ParquetFile>, place: &str) -> Result<Self, LegacyError> {
        let unsupported = |message: String| LegacyError::new(LegacyErrorKind::Unsupported, place, message);
        let Some(file) = old else {
            let schema = new_schema();
            let converted = ArrowSchemaConverter::new().schema_root("schema").convert(&schema);
            let parquet = converted.map_err(|error| unsupported(error.to_string()))?.root_schema_ptr();
            let layout = CandleLayout::of(&schema, None).map_err(|broken| unsupported(broken.to_string()))?;
            return Ok(Self { old, schema, parquet, layout, unit: TimeUnit::Nanosecond });
        };
        let schema = Arc::clone(file.schema());
        let layout = CandleLayout::of(&schema, None).map_err(|broken| unsupported(broken.to_string()))?;
        let described = file.metadata().file_metadata().schema_descr();
        let mut wrong = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            let is_fine = match field.data_type() {
                _ if described.num_columns() != schema.fields().len() => false,
                _ if described.column(at).physical_type() == Physical::INT96 => false,
                DataType::Timestamp(..) => at == layout.time(),
                DataType::Int64 => at == layout.time() || layout.trade_count() == Some(at),
                DataType::Float64 => at != layout.time(),
                // Whatever else there is stays, and has no value in new rows: pandas reads such columns as before.
                DataType::Float32 | DataType::Utf8 | DataType::LargeUtf8 => {
                    !layout.columns().contains(&at) && field.is_nullable()
                }
                _ => false,
            };
            if !is_fine {
                wrong.push(format!("{} of type {}", field.name(), described_type(file, at, field)));
            }
        }
        if !wrong.is_empty() {
            let message = format!(
                "has columns that candles are not appended to: {}; write it again with a type of today, as \
                 `pandas.read_parquet(path).to_parquet(path)` does, or move it away, and a new one is begun",
                wrong.join(", ")
            );
            return Err(unsupported(message));
        }
        let unit = match schema.field(layout.time()).data_type() {
            DataType::Timestamp(unit, _) => Some(*unit),
            _ => number_unit(file, layout.time()),
        };
        let unit =
            unit.ok_or_else(|| unsupported("its times are numbers of no unit that can be told".to_owned()))?;
        let parquet = described.root_schema_ptr();
        Ok(Self { old, schema, parquet, layout, unit })
    }

    /// An instant as the column of times writes it.
    pub(super) fn time(&self, time: Timestamp) -> i64 {
        let micros = time.micros();
        match self.unit {
            TimeUnit::Second => micros / 1_000_000,
            TimeUnit::Millisecond => micros / 1_000,
            TimeUnit::Microsecond => micros,
            // Times of candles lie between 2009 and 2100.
            TimeUnit::Nanosecond => micros * 1_000,
        }
    }

    /// The times of a batch; null is null.
    pub(super) fn times(&self, batch: &RecordBatch) -> Vec<Option<i64>> {
        let column = batch.column(self.layout.time());
        match column.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => {
                column.as_primitive::<TimestampSecondType>().iter().collect()
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                column.as_primitive::<TimestampMillisecondType>().iter().collect()
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                column.as_primitive::<TimestampMicrosecondType>().iter().collect()
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                column.as_primitive::<TimestampNanosecondType>().iter().collect()
            }
            _ => column.as_primitive::<Int64Type>().iter().collect(),
        }
    }

    /// Candles as rows of the file.
    pub(super) fn rows(&self, candles: &[&Candle], place: &str) -> Result<RecordBatch, LegacyError> {
        let [open, high, low, close, volume] = self.layout.values();
        let floats = |of: fn(&Ohlcv) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(candles.iter().map(|candle| of(candle.ohlcv()))))
        };
        let count = |candle: &&Candle| candle.ohlcv().trade_count.unwrap_or(0);
        let columns = self.schema.fields().iter().enumerate().map(|(at, field)| -> ArrayRef {
            if at == self.layout.time() {
                self.time_column(candles, field.data_type())
            } else if at == open {
                floats(|ohlcv| nearest(&ohlcv.open))
            } else if at == high {
                floats(|ohlcv| nearest(&ohlcv.high))
            } else if at == low {
                floats(|ohlcv| nearest(&ohlcv.low))
            } else if at == close {
                floats(|ohlcv| nearest(&ohlcv.close))
            } else if at == volume {
                floats(|ohlcv| nearest(&ohlcv.volume))
            } else if self.layout.taker_buy_volume() == Some(at) {
                let taker = |candle: &&Candle| candle.ohlcv().taker_buy_volume.map(|volume| nearest(&volume));
                Arc::new(candles.iter().map(taker).collect::<Float64Array>())
            } else if self.layout.trade_count() != Some(at) {
                new_null_array(field.data_type(), candles.len())
            } else if *field.data_type() == DataType::Float64 {
                Arc::new(Float64Array::from_iter_values(candles.iter().map(|candle| nearest(&count(candle)))))
            } else {
                let whole = |candle| i64::try_from(count(candle)).unwrap_or(i64::MAX);
                Arc::new(Int64Array::from_iter_values(candles.iter().map(whole)))
            }
        });
        RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())
            .map_err(|error| LegacyError::new(LegacyErrorKind::Unsupported, place, error))
    }

    fn time_column(&self, candles: &[&Candle], data_type: &DataType) -> ArrayRef {
        let times = candles.iter().map(|candle| self.time(candle.open_time()));
        match data_type {
            DataType::Timestamp(unit, zone) => {
                let zone = zone.clone();
                match unit {
                    TimeUnit::Second => {
                        Arc::new(TimestampSecondArray::from_iter_values(times).with_timezone_opt(zone))
                    }
                    TimeUnit::Millisecond => {
                        Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone_opt(zone))
                    }
                    TimeUnit::Microsecond => {
                        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone_opt(zone))
                    }
                    TimeUnit::Nanosecond => {
                        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone_opt(zone))
                    }
                }
            }
            _ => Arc::new(Int64Array::from_iter_values(times)),
        }
    }

    /// Whether two rows say the same of a candle.
    pub(super) fn is_same(&self, a: (&RecordBatch, usize), b: (&RecordBatch, usize)) -> bool {
        let value = |(batch, row): (&RecordBatch, usize), column: usize| batch.column(column).slice(row, 1);
        self.layout.columns().into_iter().all(|column| *value(a, column) == *value(b, column))
    }

    /// Least and greatest time of a row group; none where it does not say.
    pub(super) fn range(&self, group: &RowGroupMetaData) -> Option<(i64, i64)> {
        match group.column(self.layout.time()).statistics() {
            Some(Statistics::Int64(values)) => values.min_opt().copied().zip(values.max_opt().copied()),
            _ => None,
        }
    }

    /// The greatest time of a file.
    pub(super) fn greatest(&self, file: &ParquetFile, place: &str) -> Result<Option<Timestamp>, LegacyError> {
        let mut greatest = None;
        for (group, described) in file.metadata().row_groups().iter().enumerate() {
            let own = match self.range(described) {
                Some((_, most)) => Some(most),
                None if described.num_rows() == 0 => None,
                None => {
                    file.check_all()?;
                    self.times(&self.read(file, group, place)?).into_iter().flatten().max()
                }
            };
            greatest = greatest.max(own);
        }
        Ok(greatest.map(|time| {
            Timestamp::from_micros(match self.unit {
                TimeUnit::Second => time.saturating_mul(1_000_000),
                TimeUnit::Millisecond => time.saturating_mul(1_000),
                TimeUnit::Microsecond => time,
                TimeUnit::Nanosecond => time.div_euclid(1_000),
            })
        }))
    }

    /// The rows of a row group.
    pub(super) fn read(
        &self,
        file: &ParquetFile,
        group: usize,
        place: &str,
    ) -> Result<RecordBatch, LegacyError> {
        let rows = file.metadata().row_group(group).num_rows();
        if rows > MAX_CHANGED_GROUP_ROWS {
            let message = format!(
                "row group {group} has {rows} rows; in one of more than {MAX_CHANGED_GROUP_ROWS} nothing is changed: write \
                 the file again with a smaller row_group_size"
            );
            return Err(LegacyError::new(LegacyErrorKind::Limit, place, message));
        }
        guarded(place, || {
            let (file, metadata) = file.parts()?;
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
            let reader = builder.with_row_groups(vec![group]).with_batch_size(crate::BATCH_ROWS).build()?;
            let batches = reader.collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(concat_batches(&self.schema, &batches)?)
        })
    }

    /// What stands beside the rows in a file of so many: of pandas, and whatever was there.
    pub(super) fn notes(&self, rows: u64) -> Vec<KeyValue> {
        let Some(old) = self.old else {
            return vec![KeyValue::new(PANDAS.to_owned(), new_notes(&self.schema, rows).to_string())];
        };
        let mut notes = old.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        for note in notes.iter_mut().filter(|note| note.key == PANDAS) {
            let Some(Ok(mut said)) = note.value.as_deref().map(serde_json::from_str::<Value>) else {
                continue;
            };
            if let Some(index) = said.pointer_mut("/index_columns/0").filter(|index| index["kind"] == "range")
            {
                let (start, step) =
                    (index["start"].as_i64().unwrap_or(0), index["step"].as_i64().unwrap_or(1));
                index["stop"] =
                    json!(start.saturating_add(step.saturating_mul(i64::try_from(rows).unwrap_or(i64::MAX))));
                note.value = Some(said.to_string());
            }
        }
        notes
    }
}

/// The float nearest to a number: what a parser makes of its text.
fn nearest(number: &dyn Display) -> f64 {
    number.to_string().parse().unwrap_or(f64::NAN)
}

/// The type of a column for people: Parquet's where it says more.
fn described_type(file: &ParquetFile, at: usize, field: &Field) -> String {
    let described = file.metadata().file_metadata().schema_descr();
    let physical = (at < described.num_columns()).then(|| described.column(at).physical_type());
    if physical == Some(Physical::INT96) { "INT96".to_owned() } else { field.data_type().to_string() }
}

/// The unit of times that are numbers, told by the first row group that says its least.
fn number_unit(file: &ParquetFile, time: usize) -> Option<TimeUnit> {
    let least = file.metadata().row_groups().iter().find_map(|group| match group.column(time).statistics() {
        Some(Statistics::Int64(values)) => values.min_opt().copied(),
        _ => None,
    });
    NumberUnit::of(least?).map(|unit| match unit {
        NumberUnit::Seconds => TimeUnit::Second,
        NumberUnit::Millis => TimeUnit::Millisecond,
        NumberUnit::Micros => TimeUnit::Microsecond,
        NumberUnit::Nanos => TimeUnit::Nanosecond,
    })
}

/// The columns of a new file.
fn new_schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let mut fields = vec![Field::new("timestamp", time, true)];
    fields.extend(
        ["open", "high", "low", "close", "volume"].map(|name| Field::new(name, DataType::Float64, true)),
    );
    fields.push(Field::new("trade_count", DataType::Int64, true));
    Arc::new(Schema::new(fields))
}

/// What pandas would note of a new file.
fn new_notes(schema: &Schema, rows: u64) -> Value {
    let columns: Vec<Value> = schema.fields().iter().map(|field| {
        let (pandas, numpy, metadata) = match field.data_type() {
            DataType::Timestamp(..) => ("datetimetz", "datetime64[ns]", json!({"timezone": "UTC"})),
            DataType::Int64 => ("int64", "int64", Value::Null),
            _ => ("float64", "float64", Value::Null),
        };
        json!({"name": field.name(), "field_name": field.name(), "pandas_type": pandas, "numpy_type": numpy, "metadata": metadata})
    }).collect();
    json!({
        "index_columns": [{"kind": "range", "name": null, "start": 0, "stop": rows, "step": 1}],
        "column_indexes": [{"name": null, "field_name": null, "pandas_type": "unicode", "numpy_type": "object", "metadata": {"encoding": "UTF-8"}}],
        "columns": columns,
        "creator": {"library": "onetape", "version": env!("CARGO_PKG_VERSION")},
        "pandas_version": "1.5.3",
    })
}
