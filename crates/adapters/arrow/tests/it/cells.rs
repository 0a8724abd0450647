//! What stands in a cell, as text, whatever its type: the way back from a batch.

use onetape_arrow::arrow_array::cast::AsArray;
use onetape_arrow::arrow_array::types::{
    Decimal128Type, Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use onetape_arrow::arrow_array::{Array, ArrayRef, RecordBatch};
use onetape_arrow::arrow_schema::{DataType, TimeUnit};
use onetape_domain::decimal::canonical;
use rust_decimal::Decimal;
use serde_json::Value;

/// A cell by the name of its column; none where it is null.
pub(crate) fn cell(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = batch.column_by_name(column).unwrap_or_else(|| panic!("there is no column {column}"));
    text(column, row)
}

/// All cells of a column.
pub(crate) fn column(batches: &[RecordBatch], name: &str) -> Vec<Option<String>> {
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| cell(batch, name, row))).collect()
}

fn text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Decimal128(_, scale) => {
            let units = column.as_primitive::<Decimal128Type>().value(row);
            plain(units, usize::try_from(*scale).expect("a scale"))
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            assert_eq!(zone.as_ref(), "UTC");
            column.as_primitive::<TimestampMicrosecondType>().value(row).to_string()
        }
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Dictionary(key, _) if **key == DataType::Int8 => {
            let column = column.as_dictionary::<Int8Type>();
            column.values().as_string::<i32>().value(column.key(row).expect("a key")).to_owned()
        }
        DataType::Dictionary(..) => {
            let column = column.as_dictionary::<Int32Type>();
            column.values().as_string::<i32>().value(column.key(row).expect("a key")).to_owned()
        }
        DataType::List(_) => {
            let levels = column.as_list::<i32>().value(row);
            let (levels, count) = (levels.as_struct(), levels.len());
            let level = |row| [0, 1].map(|side| text(levels.column(side), row));
            serde_json::to_string(&(0..count).map(level).collect::<Vec<_>>()).expect("json")
        }
        other => panic!("no column should be of {other}"),
    })
}

/// Units of the last decimal as canonical digits, without the library that wrote them.
fn plain(units: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let part = part.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// A value of canonical JSON as [`cell`] shows it.
pub(crate) fn of_json(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A decimal as a double shows it.
pub(crate) fn double(value: Decimal) -> String {
    canonical(value).parse::<f64>().expect("digits").to_string()
}
