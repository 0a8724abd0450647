//! Reads segments back: every record that is whole, and every stretch that is not.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use onetape_ports::{JournalDamage, JournalError, JournalRecord, JournalRecovery};

use crate::codec::{Names, Unreadable};
use crate::segment::{Found, SEGMENT_HEAD, look, segment_head};

/// Reads the segments that were there at the opening, one in memory at a time.
#[derive(Debug, Default)]
pub(crate) struct SegmentReader {
    left: VecDeque<(u64, PathBuf)>,
    current: Option<Current>,
    pub(crate) recovery: JournalRecovery,
    /// Numbers of segments with damage that is not the tail of the last one.
    pub(crate) damaged: Vec<u64>,
}

#[derive(Debug)]
struct Current {
    number: u64,
    path: PathBuf,
    bytes: Vec<u8>,
    offset: usize,
    names: Names,
}

impl SegmentReader {
    /// Of segments by their numbers, oldest first.
    pub(crate) fn new(segments: impl IntoIterator<Item = (u64, PathBuf)>) -> Self {
        Self { left: segments.into_iter().collect(), ..Self::default() }
    }

    /// Adds at most `limit` records; fewer mean that there are no more.
    pub(crate) fn read(&mut self, limit: usize) -> Result<Vec<JournalRecord>, JournalError> {
        let mut records = Vec::new();
        while records.len() < limit {
            if self.current.is_none() && !self.open_next()? {
                break;
            }
            if let Some(record) = self.next_record()? {
                records.push(record);
            }
        }
        self.recovery.records += records.len() as u64;
        Ok(records)
    }

    fn open_next(&mut self) -> Result<bool, JournalError> {
        let Some((number, path)) = self.left.pop_front() else { return Ok(false) };
        let bytes = fs::read(&path).map_err(|error| {
            JournalError::new("be read", path.display().to_string(), error.to_string()).with_source(error)
        })?;
        let mut current = Current { number, path, bytes, offset: SEGMENT_HEAD, names: Names::default() };
        if current.bytes.get(..SEGMENT_HEAD) != Some(&segment_head(number)[..]) {
            // The records behind know their segment too.
            current.offset = 0;
            let bytes = current.behind_damage();
            self.note(&current, 0, bytes);
            current.offset = bytes;
        }
        self.current = Some(current);
        Ok(true)
    }

    /// The next record of the current segment; none where it has ended, or where something else lay there.
    fn next_record(&mut self) -> Result<Option<JournalRecord>, JournalError> {
        let Some(mut current) = self.current.take() else { return Ok(None) };
        let rest = &current.bytes[current.offset..];
        if rest.is_empty() {
            return Ok(None);
        }
        let at = current.offset;
        let (decoded, bytes) = match look(current.number, at as u64, rest) {
            Found::Record { body } => {
                (current.names.decode(body).map_err(Some), crate::segment::RECORD_HEAD + body.len())
            }
            Found::Damaged { bytes } => (Err(None), bytes),
            Found::Nothing => (Err(None), current.behind_damage()),
        };
        current.offset += bytes;
        let record = match decoded {
            Ok(record) => record,
            Err(Some(Unreadable::Unknown)) => {
                let place = format!("{} at byte {at}", current.path.display());
                let message =
                    "a record has a form that this version does not know; use the version that wrote it";
                return Err(JournalError::new("be read", place, message));
            }
            Err(Some(Unreadable::Nameless) | None) => {
                self.note(&current, at, bytes);
                None
            }
        };
        self.current = Some(current);
        Ok(record)
    }

    /// Notes a damaged stretch, joined to the one before where it follows on it.
    fn note(&mut self, current: &Current, offset: usize, bytes: usize) {
        if bytes == 0 {
            // A segment that was made and has nothing in it yet.
            return;
        }
        let is_tail = self.left.is_empty() && offset + bytes == current.bytes.len();
        let file = current.path.display().to_string();
        if !is_tail && !self.damaged.contains(&current.number) {
            self.damaged.push(current.number);
        }
        match self.recovery.damage.last_mut() {
            Some(last) if last.file == file && last.offset + last.bytes == offset as u64 => {
                last.bytes += bytes as u64;
                last.is_tail = is_tail;
            }
            _ => self.recovery.damage.push(JournalDamage {
                file,
                offset: offset as u64,
                bytes: bytes as u64,
                is_tail,
            }),
        }
    }
}

impl Current {
    /// How many bytes from the current place on are no record: up to where the next one begins, or to the end.
    fn behind_damage(&self) -> usize {
        let rest = self.bytes.len() - self.offset;
        (1..rest)
            .find(|skip| {
                let at = self.offset + skip;
                look(self.number, at as u64, &self.bytes[at..]) != Found::Nothing
            })
            .unwrap_or(rest)
    }
}

#[cfg(test)]
mod tests;
