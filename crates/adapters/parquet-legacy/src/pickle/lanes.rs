//! Columns out of what pandas keeps them in: arrays, its own arrays, and indexes.

use super::array::{Array, Dtype, Elements, Scalar};
use super::column::{Bits, Column, Kind, Strided};
use super::globals::Global;
use super::graph::{Graph, Id, Node};
use super::values::Value;
use crate::error::LegacyError;

/// A column, or why there is none.
pub(super) type Lane = Result<Column, String>;

/// Most values that codes stand for.
const MAX_LEVELS: u64 = 1 << 20;

/// Columns of one array: one a row of a block, or the array itself.
pub(super) fn of_values(graph: &Graph, id: Id) -> Result<Vec<Lane>, LegacyError> {
    if let Some(array) = Array::read(graph, id) {
        return (0..array.rows())
            .map(|row| of_array(graph, &array, array.row(row), array.row_length()))
            .collect();
    }
    let Some((global, arguments, state)) = graph.call_of(id) else {
        return Ok(vec![Err("is kept in an unknown way".to_owned())]);
    };
    match (global, arguments.first().map(|class| graph.node(*class)), state) {
        (Global::ArrayBacked, Some(Node::Global(class)), Some(state)) => backed(graph, class, state),
        (Global::DatetimeArray | Global::Categorical | Global::StringArray, _, Some(state)) => {
            // As older versions wrote them, with names instead of places.
            let parts = ["_dtype", "_ndarray", "_data", "_codes"].map(|key| graph.get(state, key));
            match (parts[0], parts[1].or(parts[2]).or(parts[3])) {
                (dtype, Some(values)) => typed(graph, global, dtype, values),
                _ => Ok(vec![Err("is kept in an unknown way".to_owned())]),
            }
        }
        (Global::MaskedArray, _, Some(state)) => Ok(vec![masked(graph, state)?]),
        (Global::ArrowArray, _, Some(state)) => {
            let array = graph.get(state, "_pa_array").or_else(|| graph.get(state, "_data"));
            Ok(vec![
                array
                    .map_or_else(|| Err("is kept in an unknown way".to_owned()), |array| arrow(graph, array)),
            ])
        }
        _ => Ok(vec![Err("is kept in an unknown way".to_owned())]),
    }
}

/// The one column of an array of one dimension.
pub(super) fn of_one(graph: &Graph, id: Id) -> Result<Lane, LegacyError> {
    let mut lanes = of_values(graph, id)?;
    Ok(match lanes.len() {
        1 => lanes.swap_remove(0),
        _ => Err("has more than one dimension".to_owned()),
    })
}

/// Elements of an array from one on, so many, at a distance.
pub(super) fn of_array(
    graph: &Graph,
    array: &Array,
    (first, step): (u64, u64),
    length: u64,
) -> Result<Lane, LegacyError> {
    match (array.elements, &array.dtype.scalar) {
        (_, Scalar::Record(_)) => Ok(Err("holds records".to_owned())),
        (Elements::Bytes(payload), _) => {
            let size = array.dtype.size;
            let (offset, stride) = (first * size, step * size);
            Ok(Ok(Column::Strided(Strided { payload, dtype: array.dtype.clone(), offset, stride, length })))
        }
        (Elements::Objects(list), _) => {
            let values = graph.elements(list).unwrap_or_default().iter().copied();
            let [first, step, length] =
                [first, step, length].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            graph.charge(length.min(values.len()).saturating_mul(size_of::<Id>()))?;
            of_objects(graph, values.skip(first).step_by(step.max(1)).take(length).collect())
        }
    }
}

/// A column of single values.
pub(super) fn of_objects(graph: &Graph, values: Vec<Id>) -> Result<Lane, LegacyError> {
    let kind = Kind::of(values.iter().map(|id| graph.value(*id)))?;
    Ok(kind.map(|kind| Column::Objects { values, kind }))
}

/// `NDArrayBacked`: its state is a type, an array, and what was remembered, in any order of the last two.
fn backed(graph: &Graph, class: Global, state: Id) -> Result<Vec<Lane>, LegacyError> {
    let parts = graph.elements(state).unwrap_or_default();
    let array = parts.iter().copied().take(4).find(|part| Array::read(graph, *part).is_some());
    match array {
        Some(array) => typed(graph, class, parts.first().copied().filter(|dtype| *dtype != array), array),
        None => Ok(vec![Err("is kept in an unknown way".to_owned())]),
    }
}

/// Values whose meaning a class of pandas gives.
fn typed(graph: &Graph, class: Global, dtype: Option<Id>, values: Id) -> Result<Vec<Lane>, LegacyError> {
    match class {
        // With a zone or without, times are in UTC.
        Global::DatetimeArray | Global::StringArray => of_values(graph, values),
        Global::Categorical => Ok(vec![categorical(graph, dtype, values)?]),
        _ => Ok(vec![Err("is kept in an unknown way".to_owned())]),
    }
}

fn categorical(graph: &Graph, dtype: Option<Id>, codes: Id) -> Result<Lane, LegacyError> {
    let categories = dtype.and_then(|dtype| match graph.call_of(dtype)? {
        (Global::CategoricalDtype, arguments, state) => {
            state.and_then(|state| graph.get(state, "categories")).or_else(|| arguments.first().copied())
        }
        _ => None,
    });
    let Some(categories) = categories else { return Ok(Err("has categories that are not there".to_owned())) };
    let levels = match index(graph, categories)? {
        Ok(Index { column: Some(column), .. }) => column,
        Ok(_) => return Ok(Err("has categories without values".to_owned())),
        Err(reason) => return Ok(Err(reason)),
    };
    coded(graph, codes, &levels)
}

/// Values by their numbers.
fn coded(graph: &Graph, codes: Id, levels: &Column) -> Result<Lane, LegacyError> {
    let Ok(Column::Strided(codes)) = of_one(graph, codes)? else {
        return Ok(Err("has codes that are no numbers".to_owned()));
    };
    if codes.dtype.scalar != Scalar::Int {
        return Ok(Err("has codes that are no numbers".to_owned()));
    }
    if levels.length() > MAX_LEVELS {
        return Ok(Err(format!("has more than {MAX_LEVELS} distinct values")));
    }
    let levels: Vec<Value> = levels.values(graph)?;
    graph.charge(levels.len() * size_of::<Value>())?;
    let kind = Kind::of(levels.iter().cloned().map(Ok))?;
    Ok(kind.map(|kind| Column::Coded { codes, levels, kind }))
}

/// Numbers, and a second array that says which of them are missing.
fn masked(graph: &Graph, state: Id) -> Result<Lane, LegacyError> {
    let (Some(data), Some(mask)) = (graph.get(state, "_data"), graph.get(state, "_mask")) else {
        return Ok(Err("is kept in an unknown way".to_owned()));
    };
    Ok(match (of_one(graph, data)?, of_one(graph, mask)?) {
        (Ok(Column::Strided(values)), Ok(Column::Strided(mask)))
            if mask.dtype.scalar == Scalar::Bool && mask.length == values.length =>
        {
            Ok(Column::Masked { values, mask })
        }
        _ => Err("is kept in an unknown way".to_owned()),
    })
}

/// `_restore_array((type, length, nulls, offset, [validity, values…], children, dictionary))` of pyarrow.
fn arrow(graph: &Graph, id: Id) -> Lane {
    let unknown = || "is kept in an unknown way".to_owned();
    let parts = match graph.call_of(id) {
        Some((Global::PyarrowArray, &[parts], _)) => graph.elements(parts),
        _ => None,
    };
    let Some(&[of_type, length, _, offset, buffers, ..]) = parts else { return Err(unknown()) };
    let number = |id| graph.int(id).and_then(|number| u64::try_from(number).ok());
    let (Some(length), Some(offset)) = (number(length), number(offset)) else { return Err(unknown()) };
    let buffers = graph.elements(buffers).unwrap_or_default();
    let buffer = |at: usize| -> Option<u32> {
        let (Global::PyarrowBuffer, &[bytes], _) = graph.call_of(*buffers.get(at)?)? else { return None };
        match graph.node(bytes) {
            Node::Bytes(payload) => Some(payload),
            _ => None,
        }
    };
    let valid = buffer(0).map(|payload| Bits { payload, from: offset });
    let payload = buffer(1).ok_or_else(unknown)?;
    let strided = |scalar: Scalar, size: u64, length: u64| -> Result<Strided, String> {
        let begin = offset.checked_mul(size).ok_or_else(unknown)?;
        let end = length.checked_mul(size).and_then(|bytes| bytes.checked_add(begin));
        let fits = end.is_some_and(|end| end <= graph.payload_length(payload));
        let dtype = Dtype { scalar, size, big_endian: false };
        if fits {
            Ok(Strided { payload, dtype, offset: begin, stride: size, length })
        } else {
            Err(unknown())
        }
    };
    let bits_fit = |bits: Bits| {
        let last = bits.from.checked_add(length).map(|last| last.div_ceil(8));
        last.is_some_and(|last| last <= graph.payload_length(bits.payload))
    };
    if !valid.is_none_or(bits_fit) {
        return Err(unknown());
    }
    let numbers = |scalar: Scalar, size: u64| {
        let values = strided(scalar, size, length)?;
        Ok(match valid {
            Some(bits) => Column::Valid { values, bits },
            None => Column::Strided(values),
        })
    };
    match graph.call_of(of_type) {
        Some((Global::PyarrowTimestamp, arguments, _)) => {
            let nanos = match arguments.first().and_then(|unit| graph.short_text(*unit)) {
                Some("s") => 1_000_000_000,
                Some("ms") => 1_000_000,
                Some("us") => 1_000,
                Some("ns") => 1,
                _ => return Err(unknown()),
            };
            numbers(Scalar::Time(nanos), 8)
        }
        Some((Global::PyarrowType, &[name], _)) => match graph.short_text(name).unwrap_or_default() {
            "double" => numbers(Scalar::Float, 8),
            "float" => numbers(Scalar::Float, 4),
            "int64" => numbers(Scalar::Int, 8),
            "int32" => numbers(Scalar::Int, 4),
            "int16" => numbers(Scalar::Int, 2),
            "int8" => numbers(Scalar::Int, 1),
            "uint64" => numbers(Scalar::Unsigned, 8),
            "uint32" => numbers(Scalar::Unsigned, 4),
            "bool" => {
                let values = Bits { payload, from: offset };
                if bits_fit(values) { Ok(Column::Bits { values, valid, length }) } else { Err(unknown()) }
            }
            name @ ("string" | "large_string") => {
                let size = if name == "string" { 4 } else { 8 };
                let offsets = strided(Scalar::Int, size, length.checked_add(1).ok_or_else(unknown)?)?;
                let data = buffer(2).ok_or_else(unknown)?;
                Ok(Column::Texts { offsets, data, valid })
            }
            name => Err(format!("is of the type {name} of Arrow")),
        },
        _ => Err(unknown()),
    }
}

/// An index: names of columns, or values beside the rows.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: Option<String>,
    /// None of an index that only counts rows.
    pub(super) column: Option<Column>,
    pub(super) length: u64,
}

/// An index of one level, or why it cannot be read.
pub(super) fn index(graph: &Graph, id: Id) -> Result<Result<Index, String>, LegacyError> {
    let unknown = || "is an index of an unknown kind".to_owned();
    let Some((Global::NewIndex | Global::NewDatetimeIndex, &[class, parts], _)) = graph.call_of(id) else {
        return Ok(Err(unknown()));
    };
    let name = graph.get(parts, "name").and_then(|name| graph.short_text(name)).map(str::to_owned);
    match graph.node(class) {
        Node::Global(Global::RangeIndex) => {
            let part = |key| graph.get(parts, key).and_then(|part| graph.int(part));
            Ok(match (part("start"), part("stop"), part("step")) {
                (Some(start), Some(stop), Some(step)) => steps(start, stop, step)
                    .map(|length| Index { name, column: Some(Column::Steps { start, step, length }), length })
                    .ok_or_else(unknown),
                _ => Err(unknown()),
            })
        }
        Node::Global(Global::Index | Global::DatetimeIndex) => {
            let Some(data) = graph.get(parts, "data") else { return Ok(Err(unknown())) };
            Ok(of_one(graph, data)?.map(|column| Index {
                name,
                length: column.length(),
                column: Some(column),
            }))
        }
        _ => Ok(Err(unknown())),
    }
}

/// A level of an index of several: its name and its column.
pub(super) type Level = (Option<String>, Lane);

/// Levels of an index of several; none of one that has one.
pub(super) fn levels(graph: &Graph, id: Id) -> Result<Option<Vec<Level>>, LegacyError> {
    let Some((Global::NewIndex, &[class, parts], _)) = graph.call_of(id) else { return Ok(None) };
    if graph.node(class) != Node::Global(Global::MultiIndex) {
        return Ok(None);
    }
    let list = |key| graph.get(parts, key).and_then(|part| graph.elements(part)).unwrap_or_default();
    let (values, codes, names) = (list("levels"), list("codes"), list("names"));
    let mut lanes = Vec::new();
    for (at, (level, codes)) in values.iter().zip(codes).enumerate() {
        let name = names.get(at).and_then(|name| graph.short_text(*name)).map(str::to_owned);
        let lane = match index(graph, *level)? {
            Ok(Index { column: Some(level), .. }) => coded(graph, *codes, &level)?,
            Ok(_) => Err("is an index of an unknown kind".to_owned()),
            Err(reason) => Err(reason),
        };
        lanes.push((name, lane));
    }
    Ok(Some(lanes))
}

/// How many numbers a range has.
pub(super) fn steps(start: i64, stop: i64, step: i64) -> Option<u64> {
    let distance = i128::from(stop) - i128::from(start);
    let step = i128::from(step);
    if step == 0 {
        return None;
    }
    u64::try_from(((distance + step - step.signum()) / step).max(0)).ok()
}
