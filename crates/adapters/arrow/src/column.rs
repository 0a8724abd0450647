//! One column of a table: how it is called, and how values get into it.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, StringBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Int8Array, Int64Array, ListArray, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use onetape_domain::book::BookLevel;
use onetape_domain::decimal::canonical;
use onetape_domain::time::Timestamp;
use rust_decimal::Decimal;

use crate::decimals::{Decimals, Digits, nearest};

/// How to get a value out of a row.
type Get<R, T> = fn(&R) -> T;

/// Where the values of a column come from, and what they become.
#[derive(Debug)]
enum Values<R: 'static> {
    Time(Get<R, Timestamp>),
    OptionalTime(Get<R, Option<Timestamp>>),
    Number(Digits, Get<R, Decimal>),
    OptionalNumber(Digits, Get<R, Option<Decimal>>),
    Integer(Get<R, i64>),
    OptionalInteger(Get<R, Option<i64>>),
    /// One that may be beyond the positive half of `Int64`.
    Natural(Get<R, u64>),
    OptionalNatural(Get<R, Option<u64>>),
    OptionalFloat(Get<R, Option<f64>>),
    Flag(Get<R, bool>),
    Text(for<'a> fn(&'a R) -> &'a str),
    /// One of a list of names.
    Name(&'static [&'static str], Get<R, &'static str>),
    Levels(for<'a> fn(&'a R) -> &'a [BookLevel]),
}

/// A column of a table whose rows are `R`.
#[derive(Debug)]
pub(crate) struct Column<R: 'static> {
    name: &'static str,
    values: Values<R>,
}

/// A value that a column cannot hold: of which of the rows given, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) row: usize,
    pub(crate) value: String,
    pub(crate) reason: String,
    pub(crate) advice: &'static str,
}

const OTHER_DECIMALS: &str = "take decimals as float or as text";
const REPORT: &str = "this should not be: please report it";

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($type:ty)),* $(,)?) => {
        impl<R: 'static> Column<R> {
            $($(#[$doc])*
            pub(crate) const fn $name(name: &'static str, get: $type) -> Self {
                Self { name, values: Values::$variant(get) }
            })*
        }
    };
}

constructors! {
    time: Time(Get<R, Timestamp>),
    optional_time: OptionalTime(Get<R, Option<Timestamp>>),
    integer: Integer(Get<R, i64>),
    optional_integer: OptionalInteger(Get<R, Option<i64>>),
    natural: Natural(Get<R, u64>),
    optional_natural: OptionalNatural(Get<R, Option<u64>>),
    optional_float: OptionalFloat(Get<R, Option<f64>>),
    flag: Flag(Get<R, bool>),
    text: Text(for<'a> fn(&'a R) -> &'a str),
    levels: Levels(for<'a> fn(&'a R) -> &'a [BookLevel]),
}

impl<R: 'static> Column<R> {
    pub(crate) const fn number(name: &'static str, digits: Digits, get: Get<R, Decimal>) -> Self {
        Self { name, values: Values::Number(digits, get) }
    }

    pub(crate) const fn optional_number(
        name: &'static str,
        digits: Digits,
        get: Get<R, Option<Decimal>>,
    ) -> Self {
        Self { name, values: Values::OptionalNumber(digits, get) }
    }

    pub(crate) const fn name(
        name: &'static str,
        names: &'static [&'static str],
        get: Get<R, &'static str>,
    ) -> Self {
        Self { name, values: Values::Name(names, get) }
    }

    pub(crate) fn title(&self) -> &'static str {
        self.name
    }

    pub(crate) fn field(&self, decimals: Decimals) -> Field {
        let (data_type, nullable) = match &self.values {
            Values::Time(_) => (time_type(), false),
            Values::OptionalTime(_) => (time_type(), true),
            Values::Number(digits, _) => (digits.data_type(decimals), false),
            Values::OptionalNumber(digits, _) => (digits.data_type(decimals), true),
            Values::Integer(_) | Values::Natural(_) => (DataType::Int64, false),
            Values::OptionalInteger(_) | Values::OptionalNatural(_) => (DataType::Int64, true),
            Values::OptionalFloat(_) => (DataType::Float64, true),
            Values::Flag(_) => (DataType::Boolean, false),
            Values::Text(_) => (DataType::Utf8, false),
            Values::Name(..) => {
                (DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), false)
            }
            Values::Levels(_) => (DataType::List(Arc::new(level_field(decimals))), false),
        };
        Field::new(self.name, data_type, nullable)
    }

    /// The column of these rows.
    pub(crate) fn array(&self, decimals: Decimals, rows: &[R]) -> Result<ArrayRef, Misfit> {
        Ok(match &self.values {
            Values::Time(get) => {
                let micros: Vec<i64> = rows.iter().map(|row| get(row).micros()).collect();
                Arc::new(TimestampMicrosecondArray::from(micros).with_timezone(ZONE))
            }
            Values::OptionalTime(get) => {
                let micros = rows.iter().map(|row| get(row).map(Timestamp::micros));
                Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone(ZONE))
            }
            Values::Number(digits, get) => {
                numbers(*digits, decimals, rows.len(), rows.iter().map(|row| Some(get(row))), false)?
            }
            Values::OptionalNumber(digits, get) => {
                numbers(*digits, decimals, rows.len(), rows.iter().map(get), true)?
            }
            Values::Integer(get) => Arc::new(Int64Array::from(rows.iter().map(get).collect::<Vec<i64>>())),
            Values::OptionalInteger(get) => Arc::new(rows.iter().map(get).collect::<Int64Array>()),
            Values::Natural(get) => naturals(rows.len(), rows.iter().map(|row| Some(get(row))))?,
            Values::OptionalNatural(get) => naturals(rows.len(), rows.iter().map(get))?,
            Values::OptionalFloat(get) => {
                let mut builder = Float64Builder::with_capacity(rows.len());
                rows.iter().for_each(|row| builder.append_option(get(row)));
                Arc::new(builder.finish())
            }
            Values::Flag(get) => Arc::new(BooleanArray::from(rows.iter().map(get).collect::<Vec<bool>>())),
            Values::Text(get) => Arc::new(StringArray::from_iter_values(rows.iter().map(get))),
            Values::Name(names, get) => dictionary(names, rows.iter().map(get))?,
            Values::Levels(get) => levels(decimals, rows.len(), rows.iter().map(get))?,
        })
    }
}

/// The zone of all instants.
pub(crate) const ZONE: &str = "UTC";

fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(ZONE.into()))
}

/// Decimals by choice. The buffer that is filled here is the one the array keeps.
fn numbers(
    digits: Digits,
    decimals: Decimals,
    count: usize,
    values: impl Iterator<Item = Option<Decimal>>,
    nullable: bool,
) -> Result<ArrayRef, Misfit> {
    match decimals {
        Decimals::Exact => {
            let mut scaled = Vec::with_capacity(count);
            let mut valid = Vec::with_capacity(if nullable { count } else { 0 });
            for (row, value) in values.enumerate() {
                let fit = |value: Decimal| {
                    let misfit =
                        |reason| Misfit { row, value: canonical(value), reason, advice: OTHER_DECIMALS };
                    digits.scaled(value).map_err(misfit)
                };
                scaled.push(value.map(fit).transpose()?.unwrap_or_default());
                if nullable {
                    valid.push(value.is_some());
                }
            }
            let nulls = nullable.then(|| NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
            let array = Decimal128Array::new(scaled.into(), nulls);
            Ok(Arc::new(array.with_data_type(digits.data_type(decimals))))
        }
        Decimals::Float => {
            let mut builder = Float64Builder::with_capacity(count);
            values.for_each(|value| builder.append_option(value.map(nearest)));
            Ok(Arc::new(builder.finish()) as ArrayRef)
        }
        Decimals::Text => {
            let mut builder = StringBuilder::with_capacity(count, count * 12);
            values.for_each(|value| builder.append_option(value.map(canonical)));
            Ok(Arc::new(builder.finish()))
        }
    }
}

fn naturals(count: usize, values: impl Iterator<Item = Option<u64>>) -> Result<ArrayRef, Misfit> {
    let mut builder = Int64Builder::with_capacity(count);
    for (row, value) in values.enumerate() {
        let fit = |value: u64| {
            i64::try_from(value).map_err(|_| Misfit {
                row,
                value: value.to_string(),
                reason: format!("is above {}", i64::MAX),
                advice: REPORT,
            })
        };
        builder.append_option(value.map(fit).transpose()?);
    }
    Ok(Arc::new(builder.finish()))
}

/// Indices into the whole list of names: the dictionary is the same in every batch.
fn dictionary(
    names: &'static [&'static str],
    values: impl Iterator<Item = &'static str>,
) -> Result<ArrayRef, Misfit> {
    let index = |(row, value): (usize, &'static str)| {
        let place = names.iter().position(|name| *name == value).and_then(|place| i8::try_from(place).ok());
        place.ok_or_else(|| Misfit {
            row,
            value: value.to_owned(),
            reason: format!("is none of {}", names.join(", ")),
            advice: REPORT,
        })
    };
    let indices: Vec<i8> = values.enumerate().map(index).collect::<Result<_, _>>()?;
    let names = Arc::new(StringArray::from_iter_values(names));
    Ok(Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(indices), names)))
}

fn level_fields(decimals: Decimals) -> Fields {
    let amount = Digits::AMOUNT.data_type(decimals);
    Fields::from(vec![Field::new("price", amount.clone(), false), Field::new("size", amount, false)])
}

fn level_field(decimals: Decimals) -> Field {
    Field::new_list_field(DataType::Struct(level_fields(decimals)), false)
}

/// Price levels of each book, the best first.
fn levels<'a>(
    decimals: Decimals,
    count: usize,
    books: impl Iterator<Item = &'a [BookLevel]>,
) -> Result<ArrayRef, Misfit> {
    let sides: Vec<&[BookLevel]> = books.collect();
    let lengths = sides.iter().map(|side| side.len());
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let total = sides.iter().map(|side| side.len()).sum();
    let of = |get: fn(&BookLevel) -> Decimal| {
        let values = sides.iter().flat_map(|side| side.iter()).map(|level| Some(get(level)));
        numbers(Digits::AMOUNT, decimals, total, values, false).map_err(|misfit| Misfit {
            // The book that the level belongs to.
            row: offsets[1..]
                .partition_point(|end| usize::try_from(*end).unwrap_or(0) <= misfit.row)
                .min(count),
            ..misfit
        })
    };
    let (prices, sizes) = (of(|level| level.price.get())?, of(|level| level.size.get())?);
    let levels = StructArray::new(level_fields(decimals), vec![prices, sizes], None);
    Ok(Arc::new(ListArray::new(Arc::new(level_field(decimals)), offsets, Arc::new(levels), None)))
}
