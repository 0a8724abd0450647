//! What a pickle says, as a graph of values: lists, dictionaries, and calls that nobody makes.

use std::cell::Cell;
use std::sync::Arc;

use super::globals::Global;
use super::source::Source;
use crate::error::{LegacyError, LegacyErrorKind};

/// Bytes that all values of a pickle together may take, arrays left in the file not counted.
pub const MAX_GRAPH_BYTES: usize = 160 << 20;
/// Longest text or bytes kept beside the graph; longer ones stay in the file.
const INLINE: u64 = 256;

/// A value of the graph.
pub(super) type Id = u32;

/// The value that stands for those that are not there.
pub(super) const NOTHING: Id = 0;

/// A value. Small and plain, since there may be millions of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// UTF-8 text; which payload.
    Text(u32),
    /// Bytes; which payload.
    Bytes(u32),
    Tuple {
        start: u32,
        length: u32,
    },
    List(u32),
    Dict(u32),
    Global(Global),
    /// A call that was asked for and not made.
    Call(u32),
}

/// A call: what, with which arguments, and the state it was to be given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) function: Id,
    /// Always a tuple.
    pub(super) arguments: Id,
    pub(super) state: Option<Id>,
}

/// Text or bytes.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    Inline(Box<[u8]>),
    InFile { offset: u64, length: u64 },
}

/// All values of a pickle.
#[derive(Debug)]
pub(super) struct Graph {
    source: Arc<Source>,
    nodes: Vec<Node>,
    payloads: Vec<Payload>,
    /// Elements of all tuples, one after the other.
    tuples: Vec<Id>,
    lists: Vec<Vec<Id>>,
    dicts: Vec<Vec<(Id, Id)>>,
    calls: Vec<Call>,
    bytes: Cell<usize>,
}

impl Graph {
    pub(super) fn new(source: Arc<Source>) -> Self {
        Self {
            source,
            nodes: vec![Node::None],
            payloads: Vec::new(),
            tuples: Vec::new(),
            lists: Vec::new(),
            dicts: Vec::new(),
            calls: Vec::new(),
            bytes: Cell::new(0),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Counts memory about to be taken.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), LegacyError> {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.bytes.get() > MAX_GRAPH_BYTES {
            let message = format!(
                "holds more single values than {} MiB of memory: write it as a DataFrame or as Parquet, or in parts",
                MAX_GRAPH_BYTES >> 20
            );
            return Err(LegacyError::new(LegacyErrorKind::Limit, self.source.name(), message));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, node: Node) -> Result<Id, LegacyError> {
        // Vectors double: twice what is in them.
        self.charge(2 * size_of::<Node>())?;
        self.nodes.push(node);
        Ok(index(self.nodes.len() - 1))
    }

    pub(super) fn add_payload(&mut self, offset: u64, length: u64) -> Result<u32, LegacyError> {
        self.charge(2 * size_of::<Payload>())?;
        let payload = if length <= INLINE {
            // At most a few hundred.
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            self.charge(bytes.len())?;
            self.source.read_at(offset, &mut bytes)?;
            Payload::Inline(bytes.into())
        } else {
            Payload::InFile { offset, length }
        };
        self.payloads.push(payload);
        Ok(index(self.payloads.len() - 1))
    }

    pub(super) fn add_tuple(&mut self, elements: &[Id]) -> Result<Id, LegacyError> {
        self.charge(2 * size_of_val(elements))?;
        let start = index(self.tuples.len());
        self.tuples.extend_from_slice(elements);
        self.add(Node::Tuple { start, length: index(elements.len()) })
    }

    pub(super) fn add_list(&mut self) -> Result<Id, LegacyError> {
        self.charge(2 * size_of::<Vec<Id>>())?;
        self.lists.push(Vec::new());
        self.add(Node::List(index(self.lists.len() - 1)))
    }

    pub(super) fn add_dict(&mut self) -> Result<Id, LegacyError> {
        self.charge(2 * size_of::<Vec<(Id, Id)>>())?;
        self.dicts.push(Vec::new());
        self.add(Node::Dict(index(self.dicts.len() - 1)))
    }

    pub(super) fn add_call(&mut self, function: Id, arguments: Id) -> Result<Id, LegacyError> {
        self.charge(2 * size_of::<Call>())?;
        self.calls.push(Call { function, arguments, state: None });
        self.add(Node::Call(index(self.calls.len() - 1)))
    }

    /// Appends to a list; false where the value is none.
    pub(super) fn extend_list(&mut self, list: Id, elements: &[Id]) -> Result<bool, LegacyError> {
        let Node::List(list) = self.node(list) else { return Ok(false) };
        self.charge(2 * size_of_val(elements))?;
        self.lists[list as usize].extend_from_slice(elements);
        Ok(true)
    }

    /// Adds to a dictionary; false where the value is none. A key set again counts when it is looked up.
    pub(super) fn extend_dict(&mut self, dict: Id, elements: &[Id]) -> Result<bool, LegacyError> {
        let Node::Dict(dict) = self.node(dict) else { return Ok(false) };
        self.charge(2 * size_of_val(elements))?;
        self.dicts[dict as usize].extend(elements.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(true)
    }

    /// Gives a call its state; false where the value is no call.
    pub(super) fn set_state(&mut self, call: Id, state: Id) -> bool {
        let Node::Call(call) = self.node(call) else { return false };
        self.calls[call as usize].state = Some(state);
        true
    }

    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[id as usize]
    }

    /// Elements of a tuple or list.
    pub(super) fn elements(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::Tuple { start, length } => {
                Some(&self.tuples[start as usize..start as usize + length as usize])
            }
            Node::List(list) => Some(&self.lists[list as usize]),
            _ => None,
        }
    }

    /// Entries of a dictionary in the order in which they were set.
    pub(super) fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.node(id) {
            Node::Dict(dict) => Some(&self.dicts[dict as usize]),
            _ => None,
        }
    }

    /// What a dictionary has under a text.
    pub(super) fn get(&self, dict: Id, key: &str) -> Option<Id> {
        let entries = self.entries(dict)?;
        entries.iter().rev().find(|(name, _)| self.is_text(*name, key)).map(|(_, value)| *value)
    }

    pub(super) fn call(&self, id: Id) -> Option<Call> {
        match self.node(id) {
            Node::Call(call) => Some(self.calls[call as usize]),
            _ => None,
        }
    }

    /// A call of a name from the list, with its arguments.
    pub(super) fn call_of(&self, id: Id) -> Option<(Global, &[Id], Option<Id>)> {
        let call = self.call(id)?;
        let Node::Global(global) = self.node(call.function) else { return None };
        Some((global, self.elements(call.arguments)?, call.state))
    }

    pub(super) fn payload(&self, payload: u32) -> &Payload {
        &self.payloads[payload as usize]
    }

    pub(super) fn payload_length(&self, payload: u32) -> u64 {
        match self.payload(payload) {
            Payload::Inline(bytes) => bytes.len() as u64,
            Payload::InFile { length, .. } => *length,
        }
    }

    /// Fills the buffer from an offset in a payload.
    pub(super) fn read_payload(&self, payload: u32, from: u64, buffer: &mut [u8]) -> Result<(), LegacyError> {
        let end = from.checked_add(buffer.len() as u64).filter(|end| *end <= self.payload_length(payload));
        let Some(end) = end else {
            let message = "an array is longer than its bytes";
            return Err(LegacyError::new(LegacyErrorKind::Damaged, self.source.name(), message));
        };
        match self.payload(payload) {
            // As long as a vector at most.
            Payload::Inline(bytes) => {
                let range =
                    usize::try_from(from).unwrap_or_default()..usize::try_from(end).unwrap_or_default();
                buffer.copy_from_slice(&bytes[range]);
                Ok(())
            }
            Payload::InFile { offset, .. } => self.source.read_at(offset + from, buffer),
        }
    }

    /// A whole text of at most so many bytes; none for a longer one, for other values, and for what is no UTF-8.
    pub(super) fn text(&self, id: Id, limit: u64) -> Result<Option<String>, LegacyError> {
        let Node::Text(payload) = self.node(id) else { return Ok(None) };
        let length = self.payload_length(payload);
        if length > limit {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.read_payload(payload, 0, &mut bytes)?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// A short text, as names are.
    pub(super) fn short_text(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Text(payload) => match self.payload(payload) {
                Payload::Inline(bytes) => std::str::from_utf8(bytes).ok(),
                Payload::InFile { .. } => None,
            },
            _ => None,
        }
    }

    pub(super) fn is_text(&self, id: Id, text: &str) -> bool {
        self.short_text(id) == Some(text)
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.node(id) {
            Node::Int(value) => Some(value),
            Node::Bool(value) => Some(value.into()),
            _ => None,
        }
    }

    /// Bytes that protocol 2 wrote as text are made bytes again; counted against the limit.
    pub(super) fn decode_latin1(&mut self, payload: u32) -> Result<u32, LegacyError> {
        let length = self.payload_length(payload);
        self.charge(usize::try_from(length).unwrap_or(usize::MAX).saturating_mul(2))?;
        let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
        self.read_payload(payload, 0, &mut text)?;
        let text = String::from_utf8(text).map_err(|_| self.damaged("a text is no UTF-8"))?;
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let bytes =
            bytes.ok_or_else(|| self.damaged("bytes written as text hold a character that is no byte"))?;
        self.payloads.push(Payload::Inline(bytes.into()));
        Ok(index(self.payloads.len() - 1))
    }

    pub(super) fn damaged(&self, message: &str) -> LegacyError {
        LegacyError::new(LegacyErrorKind::Damaged, self.source.name(), message)
    }
}

/// Whatever has an index takes memory that is counted, so that there are never so many.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
