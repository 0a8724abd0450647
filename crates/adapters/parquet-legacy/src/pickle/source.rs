//! Bytes of a pickle: read once from the front, and later in pieces from anywhere.

use std::fmt::{self, Debug};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::{LegacyError, LegacyErrorKind, io as io_error};

/// Bytes read ahead from the front.
const AHEAD: usize = 64 << 10;

/// Where the bytes are.
enum Place {
    File(Mutex<File>),
    Memory(Vec<u8>),
}

/// The bytes of a pickle, with the name that errors give.
pub(super) struct Source {
    name: String,
    length: u64,
    place: Place,
}

impl Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.name, self.length)
    }
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, LegacyError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| io_error(&name, "open", error))?;
        let length = file.metadata().map_err(|error| io_error(&name, "look at", error))?.len();
        Ok(Self { name, length, place: Place::File(Mutex::new(file)) })
    }

    pub(super) fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), length: bytes.len() as u64, place: Place::Memory(bytes) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Fills the buffer from an offset.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), LegacyError> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.length);
        if end.is_none() {
            return Err(self.error(LegacyErrorKind::Damaged, offset, "the file ends early"));
        }
        match &self.place {
            Place::Memory(bytes) => {
                // Within the length, which is that of a vector.
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                Ok(())
            }
            Place::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(offset))
                    .and_then(|_| file.read_exact(buffer))
                    .map_err(|error| io_error(&self.name, "read", error))
            }
        }
    }

    /// An error at an offset.
    pub(super) fn error(
        &self,
        kind: LegacyErrorKind,
        offset: u64,
        message: impl fmt::Display,
    ) -> LegacyError {
        LegacyError::new(kind, format_args!("{}, byte {offset}", self.name), message)
    }
}

/// Reads a source from the front.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    source: &'a Source,
    /// What was read ahead, from `start` of the source on.
    ahead: Vec<u8>,
    start: u64,
    position: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { source, ahead: Vec::new(), start: 0, position: 0 }
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes, at most [`AHEAD`] of them.
    pub(super) fn take(&mut self, count: usize) -> Result<&[u8], LegacyError> {
        let from = usize::try_from(self.position - self.start).unwrap_or(usize::MAX);
        if from.saturating_add(count) > self.ahead.len() {
            let left = self.source.length - self.position;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(AHEAD.max(count));
            if wanted < count {
                return Err(self.source.error(
                    LegacyErrorKind::Damaged,
                    self.position,
                    "the file ends early",
                ));
            }
            self.ahead.resize(wanted, 0);
            self.source.read_at(self.position, &mut self.ahead)?;
            self.start = self.position;
        }
        let from = usize::try_from(self.position - self.start).unwrap_or(usize::MAX);
        self.position += count as u64;
        Ok(&self.ahead[from..from + count])
    }

    /// The next bytes as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LegacyError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Passes over bytes, which must be there.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), LegacyError> {
        match self.position.checked_add(count).filter(|end| *end <= self.source.length) {
            None => Err(self.source.error(LegacyErrorKind::Damaged, self.position, "the file ends early")),
            Some(end) => {
                // What was read ahead ends at the latest here: a later take reads anew.
                if end > self.start + self.ahead.len() as u64 {
                    self.ahead.clear();
                    self.start = end;
                }
                self.position = end;
                Ok(())
            }
        }
    }

    /// The rest of a line, without its end, of at most `limit` bytes.
    pub(super) fn line(&mut self, limit: usize) -> Result<Vec<u8>, LegacyError> {
        let (mut line, at) = (Vec::new(), self.position);
        loop {
            match self.array::<1>()? {
                [b'\n'] => return Ok(line),
                [_] if line.len() == limit => {
                    return Err(self.source.error(LegacyErrorKind::Damaged, at, "a name has no end"));
                }
                [byte] => line.push(byte),
            }
        }
    }
}
