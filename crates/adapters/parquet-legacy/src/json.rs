//! Candles in JSON: a list of objects or of lists, one after the other in lines, or as pandas writes a DataFrame.
//!
//! Numbers stay the text they are. Lists and lines are read element by element; the forms of pandas that keep columns apart
//! (`to_json()` and `orient="split"`) are read as a whole, up to [`MAX_WHOLE_BYTES`].

mod elements;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use self::elements::Elements;
use crate::BATCH_ROWS;
use crate::error::{LegacyError, LegacyErrorKind, io as io_error};

pub use self::elements::MAX_ELEMENT_BYTES;

/// Most bytes of a file that has to be read as a whole.
pub const MAX_WHOLE_BYTES: usize = 64 << 20;
/// Most columns.
const MAX_COLUMNS: usize = 256;

/// A file of JSON, which is one table.
#[derive(Debug)]
pub struct JsonFile {
    name: String,
    path: PathBuf,
    schema: SchemaRef,
    /// Rows of a file that was read as a whole; of others, the file has them.
    whole: Option<Vec<Row>>,
}

/// One element: of an object its values by name, of a list by place.
#[derive(Debug, Clone, Default)]
struct Row(Vec<(String, Option<String>)>);

impl JsonFile {
    /// Looks at the first element, or reads the whole where columns are kept apart.
    ///
    /// # Errors
    /// For a file that cannot be read or is no JSON of rows, and for one of more than [`MAX_WHOLE_BYTES`] that keeps
    /// columns apart.
    pub(crate) fn open(path: &Path) -> Result<Self, LegacyError> {
        let name = path.display().to_string();
        let mut file = Self { name, path: path.to_owned(), schema: Arc::new(Schema::empty()), whole: None };
        let mut first = file.rows()?.next().transpose()?.unwrap_or_default();
        if !first.0.is_empty() && first.0.iter().all(|(_, value)| holds_values(value)) {
            let rows = file.read_whole()?;
            first = rows.first().cloned().unwrap_or_default();
            file.whole = Some(rows);
        }
        if first.0.len() > MAX_COLUMNS {
            let message = format!("has more than {MAX_COLUMNS} columns");
            return Err(LegacyError::new(LegacyErrorKind::Limit, &file.name, message));
        }
        let fields: Vec<Field> =
            first.0.iter().map(|(name, _)| Field::new(name, DataType::Utf8, true)).collect();
        file.schema = Arc::new(Schema::new(fields));
        Ok(file)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many rows there are, where that is known.
    pub(crate) fn row_count(&self) -> Option<u64> {
        self.whole.as_ref().map(|rows| rows.len() as u64)
    }

    /// The rows, all values as text; one that is not there is null. After an error no more.
    ///
    /// # Errors
    /// For a file that cannot be opened again; as a batch for what is no JSON, and for an element of more than
    /// [`MAX_ELEMENT_BYTES`].
    pub(crate) fn batches(
        &self,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, LegacyError>> + '_, LegacyError> {
        type Rows<'a> = Box<dyn Iterator<Item = Result<Cow<'a, Row>, LegacyError>> + 'a>;
        let mut rows: Rows<'_> = match &self.whole {
            Some(rows) => Box::new(rows.iter().map(|row| Ok(Cow::Borrowed(row)))),
            None => Box::new(self.rows()?.map(|row| row.map(Cow::Owned))),
        };
        let mut is_over = false;
        Ok(std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let mut columns: Vec<StringBuilder> =
                self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
            let mut count = 0;
            while count < BATCH_ROWS {
                match rows.next() {
                    Some(Ok(row)) => {
                        count += 1;
                        for (at, (column, field)) in columns.iter_mut().zip(self.schema.fields()).enumerate()
                        {
                            column.append_option(row.get(at, field.name()));
                        }
                    }
                    Some(Err(error)) => {
                        is_over = true;
                        return Some(Err(error));
                    }
                    None => {
                        is_over = true;
                        break;
                    }
                }
            }
            let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
            // Columns are as many and as long as the schema and the rows say.
            (count > 0).then(|| RecordBatch::try_new(self.schema.clone(), columns).ok().map(Ok)).flatten()
        }))
    }

    /// Elements of the file, one after the other.
    fn rows(&self) -> Result<impl Iterator<Item = Result<Row, LegacyError>> + '_, LegacyError> {
        let file = File::open(&self.path).map_err(|error| io_error(&self.name, "open", error))?;
        let elements = Elements::new(BufReader::new(file));
        let rows = serde_json::Deserializer::from_reader(BufReader::new(elements)).into_iter::<Row>();
        let mut is_over = false;
        Ok(rows.map_while(move |row| {
            let row = row.map_err(|error| self.damaged(&error));
            (!std::mem::replace(&mut is_over, row.is_err())).then_some(row)
        }))
    }

    /// Rows of a DataFrame whose columns are kept apart.
    fn read_whole(&self) -> Result<Vec<Row>, LegacyError> {
        let file = File::open(&self.path).map_err(|error| io_error(&self.name, "open", error))?;
        let mut text = Vec::new();
        let read = file.take(MAX_WHOLE_BYTES as u64 + 1).read_to_end(&mut text);
        read.map_err(|error| io_error(&self.name, "read", error))?;
        if text.len() > MAX_WHOLE_BYTES {
            let message = format!(
                "keeps its columns apart and has more than {} MiB: write it with orient=\"records\"",
                MAX_WHOLE_BYTES >> 20
            );
            return Err(LegacyError::new(LegacyErrorKind::Limit, &self.name, message));
        }
        let outer: Row = serde_json::from_slice(&text).map_err(|error| self.damaged(&error))?;
        let unknown = || {
            let message = "holds values inside of values where rows are expected";
            LegacyError::new(LegacyErrorKind::Unsupported, &self.name, message)
        };
        let inner = |text: &Option<String>| -> Result<Row, LegacyError> {
            serde_json::from_str(text.as_deref().unwrap_or_default()).map_err(|_| unknown())
        };
        let part = |name: &str| outer.0.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        if let (Some(names), Some(index), Some(data)) = (part("columns"), part("index"), part("data")) {
            let names: Vec<String> =
                inner(names)?.0.into_iter().map(|(_, name)| name.unwrap_or_default()).collect();
            let (index, data) = (inner(index)?, inner(data)?);
            let row = |((_, key), (_, row)): ((String, Option<String>), (String, Option<String>))| {
                let values = inner(&row)?.0.into_iter().map(|(_, value)| value);
                let named = names.iter().cloned().zip(values);
                Ok(Row(std::iter::once(("index".to_owned(), key)).chain(named).collect()))
            };
            return index.0.into_iter().zip(data.0).map(row).collect();
        }
        // A column is an object of values by index, the same index in each.
        let mut rows: Vec<Row> = Vec::new();
        for (name, column) in &outer.0 {
            let column = inner(column)?;
            if rows.is_empty() {
                rows = column
                    .0
                    .iter()
                    .map(|(key, _)| Row(vec![("index".to_owned(), Some(key.clone()))]))
                    .collect();
            }
            if column.0.len() != rows.len() {
                return Err(unknown());
            }
            for (row, (key, value)) in rows.iter_mut().zip(column.0) {
                if row.0[0].1.as_ref() != Some(&key) || holds_values(&value) {
                    return Err(unknown());
                }
                row.0.push((name.clone(), value));
            }
        }
        Ok(rows)
    }

    fn damaged(&self, error: &serde_json::Error) -> LegacyError {
        LegacyError::new(LegacyErrorKind::Damaged, &self.name, format_args!("cannot be read on: {error}"))
    }
}

impl Row {
    /// The value of a name, looked for at its place first.
    fn get(&self, place: usize, name: &str) -> Option<&str> {
        let at_place = self.0.get(place).filter(|(key, _)| key == name);
        at_place
            .or_else(|| self.0.iter().find(|(key, _)| key == name))
            .and_then(|(_, value)| value.as_deref())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut row = Row::default();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    row.0.push((key, text(&value)));
                }
                Ok(row)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Row, A::Error> {
                let mut row = Row::default();
                while let Some(value) = list.next_element::<Box<RawValue>>()? {
                    row.0.push((row.0.len().to_string(), text(&value)));
                }
                Ok(row)
            }
        }

        deserializer.deserialize_any(Values)
    }
}

/// Whether a value is an object or a list.
fn holds_values(value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|value| value.starts_with(['{', '[']))
}

/// A value as text: of a string what it says, of others how they are written.
fn text(value: &RawValue) -> Option<String> {
    match value.get() {
        "null" => None,
        quoted if quoted.starts_with('"') => serde_json::from_str(quoted).ok(),
        other => Some(other.to_owned()),
    }
}
