//! Rows of a table to batches of one schema.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use onetape_domain::instrument::Instrument;

use crate::decimals::Decimals;
use crate::error::Unfit;
use crate::notes::Notes;
use crate::table::Table;

/// Makes batches of the rows of one table, all of one schema.
#[derive(Debug)]
pub struct Encoder<R: 'static> {
    table: &'static Table<R>,
    decimals: Decimals,
    schema: SchemaRef,
    instruments: Arc<[Instrument]>,
    /// Their names: the dictionary of the first column, the same in every batch.
    names: ArrayRef,
}

impl<R: 'static> Clone for Encoder<R> {
    fn clone(&self) -> Self {
        let (schema, instruments) = (self.schema.clone(), self.instruments.clone());
        Self { table: self.table, decimals: self.decimals, schema, instruments, names: self.names.clone() }
    }
}

impl<R: 'static> Encoder<R> {
    /// An encoder for rows of these instruments.
    pub fn new(
        table: &'static Table<R>,
        decimals: Decimals,
        instruments: &[Instrument],
        notes: &Notes,
    ) -> Self {
        let text = Box::new(DataType::Utf8);
        let instrument =
            Field::new("instrument", DataType::Dictionary(Box::new(DataType::Int32), text), false);
        let fields: Vec<Field> = std::iter::once(instrument).chain(table.fields(decimals)).collect();
        let schema = Schema::new_with_metadata(fields, notes.metadata(table.name(), decimals));
        let names = StringArray::from_iter_values(instruments.iter().map(ToString::to_string));
        Self {
            table,
            decimals,
            schema: Arc::new(schema),
            instruments: instruments.into(),
            names: Arc::new(names),
        }
    }

    /// The schema of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The table.
    pub fn table(&self) -> &'static Table<R> {
        self.table
    }

    /// The batch of some rows of an instrument; `before` says how many rows came before them, for errors. An
    /// instrument that the encoder was not made for is named in the batch all the same.
    ///
    /// # Errors
    /// For a value that its column cannot hold.
    pub fn encode(
        &self,
        instrument: &Instrument,
        before: u64,
        rows: &[R],
    ) -> Result<RecordBatch, Box<Unfit>> {
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        columns.push(self.instrument_column(instrument, rows.len()));
        for column in self.table.columns() {
            let array = column.array(self.decimals, rows).map_err(|misfit| Unfit {
                instrument: instrument.clone(),
                table: self.table.name(),
                row: before + misfit.row as u64,
                time: self.table.time_of(&rows[misfit.row]),
                column: column.title(),
                value: misfit.value,
                reason: misfit.reason,
                advice: misfit.advice,
            })?;
            columns.push(array);
        }
        Ok(RecordBatch::try_new(self.schema.clone(), columns).expect("columns are those of the schema"))
    }

    fn instrument_column(&self, instrument: &Instrument, rows: usize) -> ArrayRef {
        let place = self.instruments.iter().position(|known| known == instrument);
        let (place, names) = match place.and_then(|place| i32::try_from(place).ok()) {
            Some(place) => (place, self.names.clone()),
            None => (0, Arc::new(StringArray::from(vec![instrument.to_string()])) as ArrayRef),
        };
        Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(vec![place; rows]), names))
    }
}
