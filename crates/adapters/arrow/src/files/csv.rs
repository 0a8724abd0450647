//! CSV as `onetape query` writes it: canonical decimals, instants of RFC 3339, nothing where there is null.

use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use onetape_domain::time::Timestamp;

/// Writes batches as lines.
pub(super) struct CsvWriter<W> {
    out: W,
    line: String,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header.
    pub(super) fn begin(mut out: W, schema: &Schema) -> io::Result<Self> {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        writeln!(out, "{}", names.join(","))?;
        Ok(Self { out, line: String::new() })
    }

    /// Writes a line a row.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            self.line.clear();
            for (place, column) in batch.columns().iter().enumerate() {
                if place > 0 {
                    self.line.push(',');
                }
                if column.is_valid(row) {
                    field(column, row, &mut self.line)?;
                }
            }
            self.line.push('\n');
            self.out.write_all(self.line.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn get_ref(&self) -> &W {
        &self.out
    }

    pub(super) fn into_inner(self) -> W {
        self.out
    }
}

fn field(column: &ArrayRef, row: usize, line: &mut String) -> io::Result<()> {
    match column.data_type() {
        DataType::Utf8 => quoted(column.as_string::<i32>().value(row), line),
        DataType::Dictionary(key, _) => {
            let (names, place) = match **key {
                DataType::Int8 => {
                    let column = column.as_dictionary::<Int8Type>();
                    (column.values(), column.key(row))
                }
                _ => {
                    let column = column.as_dictionary::<Int32Type>();
                    (column.values(), column.key(row))
                }
            };
            quoted(names.as_string::<i32>().value(place.unwrap_or_default()), line);
        }
        DataType::Timestamp(..) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            line.push_str(&Timestamp::from_micros(micros).to_string());
        }
        DataType::Int64 => line.push_str(&column.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::Float64 => line.push_str(&column.as_primitive::<Float64Type>().value(row).to_string()),
        DataType::Boolean => line.push_str(if column.as_boolean().value(row) { "true" } else { "false" }),
        DataType::List(_) => quoted(&levels(&column.as_list::<i32>().value(row))?, line),
        other => return Err(formless(other)),
    }
    Ok(())
}

/// Levels of a book as canonical JSON has them: `[["price","size"],…]`.
fn levels(levels: &ArrayRef) -> io::Result<String> {
    let sides = levels.as_struct_opt().map(|levels| levels.columns());
    let texts = sides.and_then(|sides| match sides {
        [price, size] => price.as_string_opt::<i32>().zip(size.as_string_opt::<i32>()),
        _ => None,
    });
    let Some((price, size)) = texts else { return Err(formless(levels.data_type())) };
    let pairs: Vec<String> =
        (0..levels.len()).map(|row| format!("[\"{}\",\"{}\"]", price.value(row), size.value(row))).collect();
    Ok(format!("[{}]", pairs.join(",")))
}

fn formless(data_type: &DataType) -> io::Error {
    io::Error::other(format!("a column of {data_type} has no form in CSV: take decimals as text"))
}

/// Quotes a field where it must be.
fn quoted(field: &str, line: &mut String) {
    if field.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(field);
    }
}
