//! Arrays of numpy: of which type, of which shape, and where their bytes are.

use super::globals::Global;
use super::graph::{Graph, Id, Node};
use super::values::Value;

/// Most fields of a record.
const MAX_FIELDS: usize = 256;

/// What an element is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Float,
    Int,
    Unsigned,
    Bool,
    /// Ticks since the epoch, each of so many nanoseconds.
    Time(i64),
    /// Characters of four bytes each.
    Text,
    Object,
    /// Fields with their types and offsets.
    Record(Vec<(String, Dtype, u64)>),
}

/// The type of an array's elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dtype {
    pub(super) scalar: Scalar,
    /// Bytes of an element.
    pub(super) size: u64,
    pub(super) big_endian: bool,
}

impl Dtype {
    /// Reads `dtype('f8', False, True)` with its state.
    pub(super) fn read(graph: &Graph, id: Id) -> Option<Self> {
        Self::read_nested(graph, id, true)
    }

    fn read_nested(graph: &Graph, id: Id, may_be_record: bool) -> Option<Self> {
        let (Global::Dtype, arguments, Some(state)) = graph.call_of(id)? else { return None };
        let state = graph.elements(state)?;
        let big_endian = graph.is_text(*state.get(1)?, ">");
        let first = *arguments.first()?;
        let has_fields = state.get(4).is_some_and(|fields| graph.entries(*fields).is_some());
        if has_fields {
            return may_be_record.then(|| Self::record(graph, state))?;
        }
        let code = graph.short_text(first)?;
        let (kind, size) = code.split_at_checked(1)?;
        let size: u64 = size.parse().ok()?;
        let scalar = match (kind, size) {
            ("f", 4 | 8) => Scalar::Float,
            ("i", 1 | 2 | 4 | 8) => Scalar::Int,
            ("u", 1 | 2 | 4 | 8) => Scalar::Unsigned,
            ("b", 1) => Scalar::Bool,
            ("M", 8) => Scalar::Time(tick(graph, *state.get(8)?)?),
            ("U", _) => return Some(Self { scalar: Scalar::Text, size: size.checked_mul(4)?, big_endian }),
            ("O", 8 | 4) => Scalar::Object,
            _ => return None,
        };
        Some(Self { scalar, size, big_endian })
    }

    fn record(graph: &Graph, state: &[Id]) -> Option<Self> {
        let names = graph.elements(*state.get(3)?)?;
        let fields = *state.get(4)?;
        if names.len() > MAX_FIELDS {
            return None;
        }
        let mut read = Vec::new();
        for name in names {
            let name = graph.short_text(*name)?;
            let field = graph.elements(graph.get(fields, name)?)?;
            let dtype = Self::read_nested(graph, *field.first()?, false)?;
            let offset = u64::try_from(graph.int(*field.get(1)?)?).ok()?;
            read.push((name.to_owned(), dtype, offset));
        }
        let size = u64::try_from(graph.int(*state.get(5)?)?).ok()?;
        let fits = read
            .iter()
            .all(|(_, dtype, offset)| offset.checked_add(dtype.size).is_some_and(|end| end <= size));
        fits.then_some(Self { scalar: Scalar::Record(read), size, big_endian: false })
    }

    /// An element of at most eight bytes, at the beginning of these.
    pub(super) fn value(&self, bytes: [u8; 8]) -> Value {
        match &self.scalar {
            // As text, whose digits are those of the shorter number.
            Scalar::Float if self.size == 4 => Value::Decimal(self.float32(bytes).to_string()),
            Scalar::Float => Value::Float(f64::from_bits(self.unsigned(bytes))),
            Scalar::Int => Value::Int(self.signed(bytes)),
            Scalar::Unsigned => match i64::try_from(self.unsigned(bytes)) {
                Ok(value) => Value::Int(value),
                Err(_) => Value::Decimal(self.unsigned(bytes).to_string()),
            },
            Scalar::Bool => Value::Bool(bytes[0] != 0),
            Scalar::Time(_) if self.signed(bytes) == i64::MIN => Value::Null,
            Scalar::Time(nanos) => match self.signed(bytes).checked_mul(*nanos) {
                Some(nanos) => Value::Time(nanos),
                None => Value::Other("a time outside 1677 to 2262"),
            },
            Scalar::Text | Scalar::Object | Scalar::Record(_) => Value::Other("an element of unknown form"),
        }
    }

    /// The first bytes as a number in the order of this machine, whatever theirs is.
    pub(super) fn unsigned(&self, bytes: [u8; 8]) -> u64 {
        let size = usize::try_from(self.size).unwrap_or(8).min(8);
        let mut ordered = [0; 8];
        for (at, byte) in bytes[..size].iter().enumerate() {
            ordered[if self.big_endian { size - 1 - at } else { at }] = *byte;
        }
        u64::from_le_bytes(ordered)
    }

    pub(super) fn float32(&self, bytes: [u8; 8]) -> f32 {
        f32::from_bits(u32::try_from(self.unsigned(bytes)).unwrap_or_default())
    }

    pub(super) fn signed(&self, bytes: [u8; 8]) -> i64 {
        let unused = 64 - 8 * u32::try_from(self.size.clamp(1, 8)).unwrap_or(8);
        (self.unsigned(bytes) << unused).cast_signed() >> unused
    }
}

/// Nanoseconds of a tick, from the metadata `(…, (b'ns', 1, 1, 1))`.
fn tick(graph: &Graph, metadata: Id) -> Option<i64> {
    let unit = graph.elements(*graph.elements(metadata)?.get(1)?)?;
    let mut name = [0; 2];
    let Node::Bytes(payload) = graph.node(*unit.first()?) else { return None };
    let length = usize::try_from(graph.payload_length(payload)).ok()?;
    graph.read_payload(payload, 0, name.get_mut(..length)?).ok()?;
    let is_one = |at: usize| unit.get(at).is_none_or(|number| graph.int(*number) == Some(1));
    let nanos = match &name[..length] {
        b"ns" => 1,
        b"us" => 1_000,
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60_000_000_000,
        b"h" => 3_600_000_000_000,
        b"D" => 86_400_000_000_000,
        _ => return None,
    };
    (is_one(1) && is_one(2)).then_some(nanos)
}

/// Where the elements of an array are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Elements {
    /// In a payload, one after the other.
    Bytes(u32),
    /// Values of a list.
    Objects(Id),
}

/// An array.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<u64>,
    /// Whether the first index runs fastest.
    pub(super) fortran: bool,
    pub(super) elements: Elements,
}

impl Array {
    /// Reads an array in either of the forms numpy has, and checks that its bytes are as many as its shape says.
    pub(super) fn read(graph: &Graph, id: Id) -> Option<Self> {
        let (global, arguments, state) = graph.call_of(id)?;
        let (dtype, shape, fortran, elements) = match (global, state) {
            (Global::Reconstruct, Some(state)) => {
                let &[_, shape, dtype, fortran, elements] = graph.elements(state)? else { return None };
                (dtype, shape, graph.node(fortran) == Node::Bool(true), elements)
            }
            (Global::FromBuffer, None) => {
                let &[elements, dtype, shape, order] = arguments else { return None };
                (dtype, shape, graph.is_text(order, "F"), elements)
            }
            _ => return None,
        };
        let dtype = Dtype::read(graph, dtype)?;
        let shape = graph.elements(shape).filter(|shape| (1..=2).contains(&shape.len()))?;
        let shape: Option<Vec<u64>> =
            shape.iter().map(|length| u64::try_from(graph.int(*length)?).ok()).collect();
        let shape = shape?;
        let count = shape.iter().try_fold(1_u64, |count, length| count.checked_mul(*length))?;
        let elements = match graph.node(elements) {
            Node::Bytes(payload) if dtype.scalar != Scalar::Object => (graph.payload_length(payload)
                == count.checked_mul(dtype.size)?)
            .then_some(Elements::Bytes(payload))?,
            Node::List(_) if dtype.scalar == Scalar::Object => {
                (graph.elements(elements)?.len() as u64 == count).then_some(Elements::Objects(elements))?
            }
            _ => return None,
        };
        // Objects are listed with the last index running fastest, whatever the array says of its memory.
        let fortran = fortran && matches!(elements, Elements::Bytes(_));
        Some(Self { dtype, shape, fortran, elements })
    }

    /// Length of a row of an array of rows: of a plain one, its length.
    pub(super) fn row_length(&self) -> u64 {
        self.shape.last().copied().unwrap_or(0)
    }

    /// Number of rows: one of a plain array.
    pub(super) fn rows(&self) -> u64 {
        if self.shape.len() == 2 { self.shape[0] } else { 1 }
    }

    /// First element of a row, and the distance from one to the next, in elements.
    pub(super) fn row(&self, row: u64) -> (u64, u64) {
        if self.fortran && self.shape.len() == 2 { (row, self.rows()) } else { (row * self.row_length(), 1) }
    }

    /// The same of a column of the array.
    pub(super) fn column(&self, column: u64) -> (u64, u64) {
        let (first, step) = self.row(0);
        if self.fortran && self.shape.len() == 2 {
            (first + column * step, 1)
        } else {
            (column, self.row_length())
        }
    }
}
