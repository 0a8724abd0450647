//! Tables in a graph: DataFrames, arrays, and lists and dictionaries that hold rows or columns.

use super::array::{Array, Elements, Scalar};
use super::column::Column;
use super::globals::Global;
use super::graph::{Graph, Id, NOTHING, Node};
use super::lanes::{self, Lane};
use crate::error::{LegacyError, LegacyErrorKind};

/// Deepest nesting of dictionaries with tables.
pub const MAX_DEPTH: usize = 4;
/// Most tables of a file.
pub const MAX_TABLES: usize = 100_000;
/// Most columns of a table.
pub const MAX_COLUMNS: usize = 1_024;

/// A table that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: Vec<String>,
    pub(super) columns: Vec<(String, Column)>,
    pub(super) unread: Vec<(String, String)>,
    pub(super) rows: u64,
}

/// All tables of a pickle.
pub(super) fn find(graph: &Graph, root: Id) -> Result<Vec<Found>, LegacyError> {
    let mut finder = Finder { graph, found: Vec::new(), path: Vec::new(), looks: 0 };
    finder.look(root)?;
    Ok(finder.found)
}

struct Finder<'a> {
    graph: &'a Graph,
    found: Vec<Found>,
    path: Vec<String>,
    /// Values looked at as tables.
    looks: usize,
}

impl Finder<'_> {
    fn look(&mut self, id: Id) -> Result<(), LegacyError> {
        if self.path.len() > MAX_DEPTH {
            return Err(self.error(LegacyErrorKind::Limit, format!("is nested more than {MAX_DEPTH} deep")));
        }
        self.looks += 1;
        if self.looks > MAX_TABLES {
            return Err(self.error(LegacyErrorKind::Limit, format!("has more than {MAX_TABLES} tables")));
        }
        match self.graph.node(id) {
            Node::Call(_) => {
                if let Some((Global::DataFrame, _, Some(state))) = self.graph.call_of(id) {
                    self.frame(state)
                } else if let Some(array) = Array::read(self.graph, id) {
                    self.array(&array)
                } else {
                    Err(self.no_table("an object that is no DataFrame"))
                }
            }
            Node::List(_) | Node::Tuple { .. } => self.list(id),
            Node::Dict(_) => self.dict(id),
            _ => Err(self.no_table("a single value")),
        }
    }

    /// A DataFrame: its blocks hold rows of columns, its first axis the names, its second the index.
    fn frame(&mut self, state: Id) -> Result<(), LegacyError> {
        let graph = self.graph;
        let manager = graph.get(state, "_mgr").or_else(|| graph.get(state, "_data"));
        let parts = manager.and_then(|manager| self.manager(manager));
        let (axes, blocks) = parts.ok_or_else(|| self.no_table("a DataFrame of an unknown version"))?;
        let &[names, index] = axes else { return Err(self.no_table("a DataFrame without two axes")) };
        let names = self.names(names)?;
        if blocks.len() > MAX_COLUMNS {
            return Err(self.error(LegacyErrorKind::Limit, format!("has more than {MAX_COLUMNS} columns")));
        }
        let mut lanes: Vec<Option<Lane>> = names.iter().map(|_| None).collect();
        for block in blocks {
            let (values, places) =
                self.block(*block).ok_or_else(|| self.no_table("a DataFrame of an unknown version"))?;
            let mut columns = lanes::of_values(graph, values)?;
            if columns.len() < places.len() {
                // A block that cannot be read says so once for all of its columns.
                let reason = columns.pop().and_then(Result::err).unwrap_or_else(|| "is not there".to_owned());
                columns = places.iter().map(|_| Err(reason.clone())).collect();
            }
            for (place, lane) in places.into_iter().zip(columns) {
                match lanes.get_mut(place) {
                    Some(empty @ None) => *empty = Some(lane),
                    _ => return Err(self.error(LegacyErrorKind::Damaged, "a column has no place or two")),
                }
            }
        }
        let mut lanes: Vec<(String, Lane)> = names
            .into_iter()
            .zip(lanes)
            .map(|(name, lane)| (name, lane.unwrap_or_else(|| Err("is not there".to_owned()))))
            .collect();
        let beside = match lanes::levels(graph, index)? {
            Some(levels) => levels,
            None => match lanes::index(graph, index)? {
                Ok(lanes::Index { column: Some(Column::Steps { .. }) | None, .. }) => Vec::new(),
                Ok(lanes::Index { name, column: Some(column), .. }) => vec![(name, Ok(column))],
                Err(reason) => vec![(None, Err(reason))],
            },
        };
        for (at, (name, lane)) in beside.into_iter().enumerate() {
            lanes.insert(at, (name.unwrap_or_else(|| "index".to_owned()), lane));
        }
        self.add(lanes)
    }

    /// Axes and blocks of a manager, as all versions since 1.0 write them.
    fn manager(&self, id: Id) -> Option<(&[Id], &[Id])> {
        let graph = self.graph;
        let (Global::BlockManager, arguments, state) = graph.call_of(id)? else { return None };
        if let &[blocks, axes] = arguments {
            return Some((graph.elements(axes)?, graph.elements(blocks)?));
        }
        // Before 1.3: a state whose last part is a dictionary by version.
        let parts = graph.elements(state?)?;
        let newest = graph.get(*parts.last()?, "0.14.1")?;
        Some((graph.elements(graph.get(newest, "axes")?)?, graph.elements(graph.get(newest, "blocks")?)?))
    }

    /// Values of a block, and the places of its rows among the columns.
    fn block(&self, id: Id) -> Option<(Id, Vec<usize>)> {
        let graph = self.graph;
        let (values, places) = match graph.call_of(id) {
            Some((Global::Block, &[values, places, _], _)) => (values, places),
            Some(_) => return None,
            None => (graph.get(id, "values")?, graph.get(id, "mgr_locs")?),
        };
        if let Some((Global::Slice, &[start, stop, step], _)) = graph.call_of(places) {
            let number = |id| graph.int(id).filter(|number| (0..=MAX_COLUMNS as i64).contains(number));
            let (start, stop) = (number(start)?, number(stop)?);
            let step =
                if graph.node(step) == Node::None { 1 } else { number(step).filter(|step| *step > 0)? };
            let places = (start..stop).step_by(usize::try_from(step).ok()?);
            return Some((values, places.filter_map(|place| usize::try_from(place).ok()).collect()));
        }
        let Ok(Ok(column)) = lanes::of_one(graph, places) else { return None };
        let small = (column.length() <= MAX_COLUMNS as u64).then_some(column)?;
        let places = small.values(graph).ok()?;
        let place = |value: &super::values::Value| match value {
            super::values::Value::Int(place) => usize::try_from(*place).ok(),
            _ => None,
        };
        Some((values, places.iter().map(place).collect::<Option<_>>()?))
    }

    /// Names of columns.
    fn names(&self, id: Id) -> Result<Vec<String>, LegacyError> {
        let index = match lanes::index(self.graph, id)? {
            Ok(index) => index,
            Err(_) => return Err(self.no_table("a DataFrame whose columns have no plain names")),
        };
        if index.length > MAX_COLUMNS as u64 {
            return Err(self.error(LegacyErrorKind::Limit, format!("has more than {MAX_COLUMNS} columns")));
        }
        let Some(column) = index.column else { return Ok(Vec::new()) };
        Ok(column.values(self.graph)?.iter().map(|value| name_of(value).unwrap_or_default()).collect())
    }

    /// An array of rows, or of records.
    fn array(&mut self, array: &Array) -> Result<(), LegacyError> {
        if let (Scalar::Record(fields), Elements::Bytes(payload), 1) =
            (&array.dtype.scalar, array.elements, array.shape.len())
        {
            let lane = |(name, dtype, offset): &(String, super::array::Dtype, u64)| {
                let (dtype, stride, length) = (dtype.clone(), array.dtype.size, array.row_length());
                let column = super::column::Strided { payload, dtype, offset: *offset, stride, length };
                (name.clone(), Ok(Column::Strided(column)))
            };
            return self.add(fields.iter().map(lane).collect());
        }
        if array.shape.len() != 2 {
            return Err(self.no_table("an array of one dimension"));
        }
        let width = array.row_length();
        if width > MAX_COLUMNS as u64 {
            return Err(self.error(LegacyErrorKind::Limit, format!("has more than {MAX_COLUMNS} columns")));
        }
        let columns = (0..width).map(|at| {
            lanes::of_array(self.graph, array, array.column(at), array.rows())
                .map(|lane| (at.to_string(), lane))
        });
        let columns = columns.collect::<Result<_, _>>()?;
        self.add(columns)
    }

    /// A list: of records, of rows, or of tables.
    fn list(&mut self, id: Id) -> Result<(), LegacyError> {
        let elements = self.graph.elements(id).unwrap_or_default();
        match elements.first() {
            None => self.add(Vec::new()),
            Some(first) if self.is_record(*first) => self.records(elements, None),
            Some(first) if self.is_row(*first) => self.rows(elements),
            Some(_) => {
                self.inside(elements.iter().enumerate().map(|(at, element)| (at.to_string(), *element)))
            }
        }
    }

    /// A dictionary: of columns, of records by time, or of tables by name.
    fn dict(&mut self, id: Id) -> Result<(), LegacyError> {
        let entries = self.graph.entries(id).unwrap_or_default();
        let Some((first_key, first)) = entries.first() else { return self.add(Vec::new()) };
        let is_named = matches!(self.graph.node(*first_key), Node::Text(_));
        if is_named && self.is_lane(*first) {
            let lane = |(key, value): &(Id, Id)| Ok((self.key(*key), self.lane(*value)?));
            let lanes = entries.iter().map(lane).collect::<Result<_, LegacyError>>()?;
            return self.add(lanes);
        }
        if !is_named && self.is_record(*first) && !matches!(self.graph.node(*first_key), Node::Tuple { .. }) {
            let (keys, values): (Vec<Id>, Vec<Id>) = entries.iter().copied().unzip();
            return self.records(&values, Some(keys));
        }
        self.inside(entries.iter().map(|(key, value)| (self.key(*key), *value)).collect::<Vec<_>>())
    }

    fn inside(&mut self, parts: impl IntoIterator<Item = (String, Id)>) -> Result<(), LegacyError> {
        for (name, part) in parts {
            self.path.push(name);
            self.look(part)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Dictionaries of single values; columns in the order in which their names appear.
    fn records(&mut self, records: &[Id], keys: Option<Vec<Id>>) -> Result<(), LegacyError> {
        let graph = self.graph;
        let mut names: Vec<String> = Vec::new();
        let mut columns: Vec<Vec<Id>> = Vec::new();
        for (row, record) in records.iter().enumerate() {
            let Some(entries) = graph.entries(*record) else {
                return Err(
                    self.error(LegacyErrorKind::Unsupported, format!("row {row} of a list is no record"))
                );
            };
            for (place, (key, value)) in entries.iter().enumerate() {
                // Most records have the keys of the one before, in its order.
                let same = names.get(place).is_some_and(|name| graph.is_text(*key, name)).then_some(place);
                let at = match same.ok_or_else(|| self.key(*key)) {
                    Ok(at) => at,
                    Err(name) => match names.iter().position(|known| *known == name) {
                        Some(at) => at,
                        None if names.len() == MAX_COLUMNS => {
                            let message = format!("has more than {MAX_COLUMNS} columns");
                            return Err(self.error(LegacyErrorKind::Limit, message));
                        }
                        None => {
                            names.push(name);
                            graph.charge(2 * row * size_of::<Id>())?;
                            columns.push(vec![NOTHING; row]);
                            names.len() - 1
                        }
                    },
                };
                let column = &mut columns[at];
                column.truncate(row);
                column.push(*value);
            }
            graph.charge(2 * columns.len() * size_of::<Id>())?;
            columns.iter_mut().for_each(|column| column.resize(row + 1, NOTHING));
        }
        let lanes = names.into_iter().zip(columns);
        let lanes = lanes.map(|(name, values)| Ok((name, lanes::of_objects(graph, values)?)));
        let mut lanes: Vec<(String, Lane)> = lanes.collect::<Result<_, LegacyError>>()?;
        if let Some(keys) = keys {
            lanes.insert(0, ("index".to_owned(), lanes::of_objects(graph, keys)?));
        }
        self.add(lanes)
    }

    /// Lists of single values, all of one length; columns are called by their place.
    fn rows(&mut self, rows: &[Id]) -> Result<(), LegacyError> {
        let graph = self.graph;
        let width = rows.first().and_then(|row| graph.elements(*row)).map_or(0, <[Id]>::len);
        let mut columns: Vec<Vec<Id>> = vec![Vec::new(); width];
        graph.charge(rows.len().saturating_mul(width) * size_of::<Id>())?;
        for (at, row) in rows.iter().enumerate() {
            let Some(row) = graph.elements(*row).filter(|row| row.len() == width) else {
                let message = format!("row {at} of a list has not {width} values as the first has");
                return Err(self.error(LegacyErrorKind::Unsupported, message));
            };
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(*value);
            }
        }
        let lanes = columns.into_iter().enumerate();
        let lanes = lanes.map(|(at, values)| Ok((at.to_string(), lanes::of_objects(graph, values)?)));
        let lanes = lanes.collect::<Result<_, LegacyError>>()?;
        self.add(lanes)
    }

    fn lane(&self, id: Id) -> Result<Lane, LegacyError> {
        match self.graph.elements(id) {
            Some(values) => {
                self.graph.charge(size_of_val(values))?;
                lanes::of_objects(self.graph, values.to_vec())
            }
            None => lanes::of_one(self.graph, id),
        }
    }

    fn is_record(&self, id: Id) -> bool {
        let entries = self.graph.entries(id).unwrap_or_default();
        entries.first().is_some_and(|(key, value)| {
            matches!(self.graph.node(*key), Node::Text(_)) && self.is_single(*value)
        })
    }

    fn is_row(&self, id: Id) -> bool {
        let elements = self.graph.elements(id).unwrap_or_default();
        (1..=MAX_COLUMNS).contains(&elements.len()) && elements.iter().all(|element| self.is_single(*element))
    }

    /// Whether a value is a column: an array of one dimension, or a list of single values.
    fn is_lane(&self, id: Id) -> bool {
        match self.graph.elements(id) {
            Some(elements) => elements.first().is_none_or(|first| self.is_single(*first)),
            None => Array::read(self.graph, id).is_some_and(|array| {
                array.shape.len() == 1 && !matches!(array.dtype.scalar, Scalar::Record(_))
            }),
        }
    }

    fn is_single(&self, id: Id) -> bool {
        match self.graph.node(id) {
            Node::None | Node::Bool(_) | Node::Int(_) | Node::Float(_) | Node::Text(_) => true,
            Node::Call(_) => matches!(
                self.graph.call_of(id),
                Some((
                    Global::Decimal
                        | Global::Timestamp
                        | Global::Datetime
                        | Global::Date
                        | Global::Scalar
                        | Global::Nat,
                    ..
                ))
            ),
            Node::Global(global) => global == Global::Na,
            Node::Bytes(_) | Node::Tuple { .. } | Node::List(_) | Node::Dict(_) => false,
        }
    }

    /// A key as part of a name: of several parts one after the other.
    fn key(&self, id: Id) -> String {
        match self.graph.elements(id) {
            Some(parts) => parts.iter().filter_map(|part| self.plain(*part)).collect::<Vec<_>>().join("_"),
            None => self.plain(id).unwrap_or_default(),
        }
    }

    fn plain(&self, id: Id) -> Option<String> {
        self.graph.value(id).ok().as_ref().and_then(name_of)
    }

    fn add(&mut self, lanes: Vec<(String, Lane)>) -> Result<(), LegacyError> {
        let (mut columns, mut unread) = (Vec::new(), Vec::new());
        for (name, lane) in lanes {
            match lane {
                Ok(column) => columns.push((name, column)),
                Err(reason) => unread.push((name, reason)),
            }
        }
        let rows = columns.first().map_or(0, |(_, column): &(String, Column)| column.length());
        if let Some((name, column)) = columns.iter().find(|(_, column)| column.length() != rows) {
            let message = format!("column `{name}` has {} rows where others have {rows}", column.length());
            return Err(self.error(LegacyErrorKind::Damaged, message));
        }
        self.found.push(Found { path: self.path.clone(), columns, unread, rows });
        Ok(())
    }

    fn no_table(&self, what: &str) -> LegacyError {
        self.error(LegacyErrorKind::Unsupported, format!("holds {what} where a table is expected"))
    }

    fn error(&self, kind: LegacyErrorKind, message: impl std::fmt::Display) -> LegacyError {
        let file = self.graph.source().name();
        if self.path.is_empty() {
            LegacyError::new(kind, file, message)
        } else {
            LegacyError::new(kind, format_args!("{file}, table {}", self.path.join("/")), message)
        }
    }
}

fn name_of(value: &super::values::Value) -> Option<String> {
    use super::values::Value;
    match value {
        Value::Text(text) | Value::Decimal(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}
