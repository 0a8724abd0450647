//! The instructions of a pickle, protocols 2 to 5, followed without calling anything.
//!
//! What each does is written in `Lib/pickletools.py` of Python. Those of protocols 0 and 1 that write numbers and names
//! as lines of text, persistent ids, extensions and buffers outside the stream are refused.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::globals::Global;
use super::graph::{Graph, Id, Node};
use super::source::{Cursor, Source};
use crate::error::{LegacyError, LegacyErrorKind};

/// Most bytes of a name.
const MAX_NAME: usize = 256;

/// Reads a pickle into a graph and returns its root.
///
/// # Errors
/// [`Refused`](LegacyErrorKind::Refused) for a name that is not on the list, with the name;
/// [`Unsupported`](LegacyErrorKind::Unsupported) for instructions that are not followed;
/// [`Damaged`](LegacyErrorKind::Damaged) for a stream that ends early or makes no sense, with its place.
pub(super) fn read(source: Source) -> Result<(Graph, Id), LegacyError> {
    let source = Arc::new(source);
    let graph = Graph::new(source.clone());
    let mut machine = Machine {
        graph,
        cursor: Cursor::new(&source),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        at: 0,
    };
    if source.length() == 0 {
        return Err(machine.damaged("the file is empty"));
    }
    loop {
        machine.at = machine.cursor.position();
        let [code] = machine.cursor.array()?;
        if code == b'.' {
            let root = machine.pop()?;
            return Ok((machine.graph, root));
        }
        machine.follow(code)?;
    }
}

struct Machine<'a> {
    graph: Graph,
    cursor: Cursor<'a>,
    stack: Vec<Id>,
    /// Heights of the stack that were marked.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Where the instruction lies that is being followed.
    at: u64,
}

impl Machine<'_> {
    fn follow(&mut self, code: u8) -> Result<(), LegacyError> {
        match code {
            0x80 => self.protocol(),
            // A frame says how much to read ahead, which nothing here depends on.
            0x95 => self.cursor.array::<8>().map(drop),
            b'N' => self.push_node(Node::None),
            0x88 => self.push_node(Node::Bool(true)),
            0x89 => self.push_node(Node::Bool(false)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b => self.int(code),
            b'G' => {
                let value = f64::from_be_bytes(self.cursor.array()?);
                self.push_node(Node::Float(value))
            }
            b'X' | 0x8c | 0x8d | b'B' | b'C' | 0x8e | 0x96 => self.payload(code),
            b']' => self.push_with(Graph::add_list),
            b'}' => self.push_with(Graph::add_dict),
            b')' => self.tuple(0),
            0x85 => self.tuple(1),
            0x86 => self.tuple(2),
            0x87 => self.tuple(3),
            b't' => self.marked_tuple(),
            b'a' | b'e' | b's' | b'u' => self.extend(code),
            b'(' => {
                self.graph.charge(2 * size_of::<usize>())?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push(top)
            }
            b'q' | b'r' | 0x94 => self.memorize(code),
            b'h' | b'j' => self.recall(code),
            b'c' | 0x93 => self.global(code),
            b'R' | 0x81 => self.call(),
            b'b' => self.build(),
            _ => Err(self.error(LegacyErrorKind::Unsupported, Instruction(code))),
        }
    }

    fn protocol(&mut self) -> Result<(), LegacyError> {
        match self.cursor.array()? {
            [2..=5] => Ok(()),
            [version] => {
                let message = format!("is a pickle of protocol {version}; those of 2 to 5 are read");
                Err(self.error(LegacyErrorKind::Unsupported, message))
            }
        }
    }

    fn int(&mut self, code: u8) -> Result<(), LegacyError> {
        let value = match code {
            b'J' => i64::from(i32::from_le_bytes(self.cursor.array()?)),
            b'K' => i64::from(u8::from_le_bytes(self.cursor.array()?)),
            b'M' => i64::from(u16::from_le_bytes(self.cursor.array()?)),
            _ => {
                let length = if code == 0x8a {
                    u64::from(u8::from_le_bytes(self.cursor.array()?))
                } else {
                    u64::from(u32::from_le_bytes(self.cursor.array()?))
                };
                // Little-endian two's complement of as few bytes as it takes.
                let count = usize::try_from(length).ok().filter(|count| *count <= 8);
                let Some(count) = count else {
                    return Err(self.error(LegacyErrorKind::Limit, "an integer has more than 64 bits"));
                };
                let bytes = self.cursor.take(count)?;
                let fill = if bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
                let mut whole = [fill; 8];
                whole[..count].copy_from_slice(bytes);
                i64::from_le_bytes(whole)
            }
        };
        self.push_node(Node::Int(value))
    }

    fn payload(&mut self, code: u8) -> Result<(), LegacyError> {
        let length = match code {
            0x8c | b'C' => u64::from(u8::from_le_bytes(self.cursor.array()?)),
            b'X' | b'B' => u64::from(u32::from_le_bytes(self.cursor.array()?)),
            _ => u64::from_le_bytes(self.cursor.array()?),
        };
        let offset = self.cursor.position();
        self.cursor.skip(length)?;
        let payload = self.graph.add_payload(offset, length)?;
        let is_text = matches!(code, b'X' | 0x8c | 0x8d);
        self.push_node(if is_text { Node::Text(payload) } else { Node::Bytes(payload) })
    }

    fn tuple(&mut self, length: usize) -> Result<(), LegacyError> {
        let from = self.stack.len().checked_sub(length).filter(|from| *from >= self.floor());
        let from = from.ok_or_else(|| self.damaged("too few values for a tuple"))?;
        let tuple = self.graph.add_tuple(&self.stack[from..])?;
        self.stack.truncate(from);
        self.push(tuple)
    }

    fn marked_tuple(&mut self) -> Result<(), LegacyError> {
        let elements = self.pop_mark()?;
        let tuple = self.graph.add_tuple(&elements)?;
        self.push(tuple)
    }

    /// Elements of lists and dictionaries: one, or all since the mark.
    fn extend(&mut self, code: u8) -> Result<(), LegacyError> {
        let elements = match code {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let target = self.top()?;
        let is_list = matches!(code, b'a' | b'e');
        if !is_list && !elements.len().is_multiple_of(2) {
            return Err(self.damaged("a key has no value"));
        }
        let is_done = if is_list {
            self.graph.extend_list(target, &elements)?
        } else {
            self.graph.extend_dict(target, &elements)?
        };
        if is_done {
            Ok(())
        } else {
            Err(self.damaged("elements are put into what is no list and no dictionary"))
        }
    }

    fn memorize(&mut self, code: u8) -> Result<(), LegacyError> {
        let index = match code {
            b'q' => u32::from(u8::from_le_bytes(self.cursor.array()?)),
            b'r' => u32::from_le_bytes(self.cursor.array()?),
            _ => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
        };
        let top = self.top()?;
        if self.memo.insert(index, top).is_none() {
            // A map is less than half full after it has grown.
            self.graph.charge(3 * size_of::<(u32, Id)>())?;
        }
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Result<(), LegacyError> {
        let index = match code {
            b'h' => u32::from(u8::from_le_bytes(self.cursor.array()?)),
            _ => u32::from_le_bytes(self.cursor.array()?),
        };
        let id = self.memo.get(&index).copied();
        let id = id.ok_or_else(|| self.damaged("refers to a value that was never kept"))?;
        self.push(id)
    }

    /// A name: refused unless it is on the list.
    fn global(&mut self, code: u8) -> Result<(), LegacyError> {
        let (module, name) = if code == b'c' {
            let module = self.cursor.line(MAX_NAME)?;
            let name = self.cursor.line(MAX_NAME)?;
            (String::from_utf8_lossy(&module).into_owned(), String::from_utf8_lossy(&name).into_owned())
        } else {
            let name = self.pop()?;
            let module = self.pop()?;
            let text = |id| self.graph.short_text(id).map(str::to_owned);
            match (text(module), text(name)) {
                (Some(module), Some(name)) => (module, name),
                _ => return Err(self.damaged("a name is no text")),
            }
        };
        match Global::find(&module, &name) {
            Some(global) => self.push_node(Node::Global(global)),
            None => {
                let message =
                    format!("refused: the file asks for `{module}.{name}`, which data does not need");
                Err(self.error(LegacyErrorKind::Refused, message))
            }
        }
    }

    /// A call that is noted, not made; but for three that only say in which form a value is written.
    fn call(&mut self) -> Result<(), LegacyError> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let Some(given) = self.graph.elements(arguments) else {
            return Err(self.damaged("a call has no arguments"));
        };
        let (first, second) = (given.first().copied(), given.get(1).copied());
        match (self.graph.node(function), first) {
            (Node::Global(Global::OrderedDict | Global::DefaultDict | Global::Dict), _) => {
                self.push_with(Graph::add_dict)
            }
            (Node::Global(Global::List), None) => self.push_with(Graph::add_list),
            (Node::Global(Global::ByteArray), Some(bytes))
                if matches!(self.graph.node(bytes), Node::Bytes(_)) =>
            {
                self.push(bytes)
            }
            (Node::Global(Global::Encode), Some(text)) => match self.graph.node(text) {
                Node::Text(payload) if second.is_some_and(|code| self.graph.is_text(code, "latin1")) => {
                    let payload = self.graph.decode_latin1(payload)?;
                    self.push_node(Node::Bytes(payload))
                }
                _ => Err(self.damaged("bytes are written as text in an unknown way")),
            },
            // Zones are written as a method of their class; no other attribute is data.
            (Node::Global(Global::Attribute), Some(object)) => {
                let is_zone = self.graph.node(object) == Node::Global(Global::ZoneInfo)
                    && second.is_some_and(|name| self.graph.is_text(name, "_unpickle"));
                if is_zone {
                    self.push(object)
                } else {
                    let message = "refused: the file asks for an attribute, which data does not need";
                    Err(self.error(LegacyErrorKind::Refused, message))
                }
            }
            (Node::Global(_), _) => {
                let call = self.graph.add_call(function, arguments)?;
                self.push(call)
            }
            _ => Err(self.damaged("a call of what is no name")),
        }
    }

    fn build(&mut self) -> Result<(), LegacyError> {
        let state = self.pop()?;
        let target = self.top()?;
        if self.graph.set_state(target, state) {
            Ok(())
        } else {
            Err(self.damaged("a state for what has none"))
        }
    }

    fn push(&mut self, id: Id) -> Result<(), LegacyError> {
        if self.stack.len() == self.stack.capacity() {
            self.graph.charge(self.stack.len().max(64) * size_of::<Id>())?;
        }
        self.stack.push(id);
        Ok(())
    }

    fn push_node(&mut self, node: Node) -> Result<(), LegacyError> {
        self.push_with(|graph| graph.add(node))
    }

    fn push_with(
        &mut self,
        make: impl FnOnce(&mut Graph) -> Result<Id, LegacyError>,
    ) -> Result<(), LegacyError> {
        let id = make(&mut self.graph)?;
        self.push(id)
    }

    /// Height of the stack below which nothing may be taken.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, LegacyError> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| self.damaged("a value is missing"))
    }

    fn pop(&mut self) -> Result<Id, LegacyError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// All values since the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, LegacyError> {
        let mark = self.marks.pop().ok_or_else(|| self.damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn damaged(&self, message: &str) -> LegacyError {
        self.error(LegacyErrorKind::Damaged, message)
    }

    fn error(&self, kind: LegacyErrorKind, message: impl fmt::Display) -> LegacyError {
        LegacyError::new(kind, format_args!("{}, byte {}", self.graph.source().name(), self.at), message)
    }
}

/// An instruction that is not followed.
struct Instruction(u8);

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.0 {
            b'I' | b'L' | b'F' | b'S' | b'V' | b'i' | b'o' | b'l' | b'd' | b'g' | b'p' => {
                "one of protocol 0 or 1"
            }
            b'T' | b'U' => "text of Python 2",
            b'P' | b'Q' => "a reference to an object outside the file",
            0x82..=0x84 => "a reference to a registry outside the file",
            0x97 | 0x98 => "a buffer outside the file",
            0x8f..=0x91 => "a set",
            0x92 => "an object with named arguments",
            _ => return write!(f, "is no pickle, or is damaged: {:#04x} is no instruction", self.0),
        };
        write!(f, "holds {what} (instruction {:#04x}), which is not read", self.0)
    }
}
