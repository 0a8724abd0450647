//! Lines of a row of files, without copying those that lie whole in the buffer, and never more than a
//! line's limit in memory.

use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use onetape_domain::message::QuarantinedRecord;
use onetape_ports::feed::FeedError;

use super::snapshot::Origin;
use super::source;

/// Decompressed text held at once.
const TEXT_BUFFER: usize = 256 << 10;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Whole(&'a [u8]),
    TooLong { beginning: &'a [u8], bytes: u64, limit: usize },
}

/// Reads files one after the other.
pub(super) struct LineReader {
    files: Vec<PathBuf>,
    /// How many files were opened; the last of them is the current one.
    opened: usize,
    current: Option<Current>,
    /// A line that was not whole in the buffer.
    carry: Vec<u8>,
    /// Bytes of the buffer the line handed out last took.
    used: usize,
    limit: usize,
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

struct Current {
    name: String,
    line: u64,
    reader: BufReader<Box<dyn Read + Send>>,
}

/// Where the line that was found lies.
enum Found {
    InBuffer(usize),
    InCarry,
    TooLong(u64),
    End,
}

impl LineReader {
    /// Checks that the files are there, and sums up their sizes.
    pub(super) fn open(files: Vec<PathBuf>, limit: usize) -> Result<Self, FeedError> {
        let mut total = Some(0);
        for file in &files {
            let failed = |error| failure(&file.display().to_string(), "cannot be opened", error);
            let metadata = std::fs::metadata(file).map_err(failed)?;
            if metadata.is_dir() {
                return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "is a directory")));
            }
            if metadata.is_file() {
                std::fs::File::open(file).map_err(failed)?;
            }
            // A pipe has no size.
            total = total.filter(|_| metadata.is_file()).map(|total: u64| total + metadata.len());
        }
        Ok(Self {
            files,
            opened: 0,
            current: None,
            carry: Vec::new(),
            used: 0,
            limit,
            read: Arc::new(AtomicU64::new(0)),
            total,
        })
    }

    /// Bytes of the files read so far, and in total.
    pub(super) fn progress(&self) -> (u64, Option<u64>) {
        (self.read.load(Ordering::Relaxed), self.total)
    }

    /// The next line with its place; none past the last file.
    pub(super) fn next(&mut self) -> Result<Option<(Origin<'_>, Line<'_>)>, FeedError> {
        let found = loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(current) = &mut self.current else {
                return Ok(None);
            };
            current.reader.consume(std::mem::take(&mut self.used));
            current.line += 1;
            match find_line(&mut current.reader, &mut self.carry, self.limit) {
                Ok(Found::End) => self.current = None,
                Ok(found) => break found,
                Err(error) => {
                    let place = format!("{}:{}", self.files[self.opened - 1].display(), current.line);
                    self.current = None;
                    self.opened = self.files.len();
                    return Err(failure(&place, "cannot be read on", error));
                }
            }
        };
        let Some(current) = &self.current else {
            return Ok(None);
        };
        let line = match found {
            Found::InBuffer(length) => {
                self.used = length + 1;
                Line::Whole(&current.reader.buffer()[..length])
            }
            Found::InCarry => Line::Whole(&self.carry),
            Found::TooLong(bytes) => Line::TooLong { beginning: &self.carry, bytes, limit: self.limit },
            Found::End => return Ok(None),
        };
        Ok(Some((Origin { file: &current.name, line: current.line }, line)))
    }

    fn open_next(&mut self) -> Result<bool, FeedError> {
        let Some(path) = self.files.get(self.opened) else {
            return Ok(false);
        };
        let opened = source::open(path, Arc::clone(&self.read));
        let reader = opened.map_err(|error| failure(&path.display().to_string(), "cannot be read", error))?;
        self.opened += 1;
        let reader = BufReader::with_capacity(TEXT_BUFFER, reader);
        self.current = Some(Current { name: source::short_name(path), line: 0, reader });
        Ok(true)
    }
}

fn find_line(reader: &mut impl BufRead, carry: &mut Vec<u8>, limit: usize) -> io::Result<Found> {
    carry.clear();
    let mut bytes = 0_u64;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        let end = memchr::memchr(b'\n', buffer);
        if let Some(length) = end
            && bytes == 0
            && length <= limit
        {
            return Ok(Found::InBuffer(length));
        }
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let (at_end, taken) = (buffer.is_empty(), part.len() + usize::from(end.is_some()));
        bytes += part.len() as u64;
        if bytes <= limit as u64 {
            carry.extend_from_slice(part);
        } else {
            // What is too long is counted to its end, and only its beginning kept.
            let room = QuarantinedRecord::MAX_PAYLOAD_BYTES.saturating_sub(carry.len());
            carry.extend_from_slice(&part[..part.len().min(room)]);
            carry.truncate(QuarantinedRecord::MAX_PAYLOAD_BYTES);
            carry.shrink_to(QuarantinedRecord::MAX_PAYLOAD_BYTES);
        }
        reader.consume(taken);
        if end.is_some() || at_end {
            return Ok(match bytes {
                0 if end.is_none() => Found::End,
                bytes if bytes > limit as u64 => Found::TooLong(bytes),
                _ => Found::InCarry,
            });
        }
    }
}

fn failure(place: &str, what: &str, error: io::Error) -> FeedError {
    let message = match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("{what}: the compressed data ends too early ({error})"),
        _ => format!("{what}: {error}"),
    };
    FeedError { feed: format!("tape {place}"), message, source: Some(Box::new(error)) }
}
