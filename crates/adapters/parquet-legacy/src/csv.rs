//! Comma-separated candles: plain, in gzip, or any number of files in a zip.
//!
//! Every value stays the text it is. Files with a header line name their columns; those without are taken by place, as
//! LEAN and Binance publish them. LEAN writes the time as milliseconds of the day that the name begins with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use csv::{ReaderBuilder, StringRecord, Trim};
use flate2::Crc;
use flate2::read::MultiGzDecoder;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::BATCH_ROWS;
use crate::error::{LegacyError, LegacyErrorKind, io as io_error};
use crate::layout;

/// Longest line.
pub const MAX_LINE_BYTES: usize = 64 << 10;
/// Most files in a zip.
pub const MAX_ENTRIES: usize = 10_000;
/// Most bytes that a compressed file may unpack to.
pub const MAX_UNPACKED_BYTES: u64 = 16 << 30;
/// Most columns.
const MAX_COLUMNS: usize = 256;
const MILLIS_A_DAY: i64 = 86_400_000;

/// A file of lines, or a zip of such files.
#[derive(Debug)]
pub struct CsvFile {
    name: String,
    path: std::path::PathBuf,
    packing: Packing,
    tables: Vec<Table>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zip,
}

/// A file in a zip, and where its bytes are.
#[derive(Debug)]
struct Entry {
    name: String,
    start: u64,
    packed: u64,
    method: CompressionMethod,
    sum: u32,
}

#[derive(Debug)]
struct Table {
    entry: Option<Entry>,
    /// Name in the zip.
    path: Vec<String>,
    schema: SchemaRef,
    has_header: bool,
    delimiter: u8,
    /// The day whose milliseconds are the times.
    day: Option<NaiveDate>,
}

impl CsvFile {
    /// Looks at the first line of each table. `magic` are the first bytes of the file.
    ///
    /// # Errors
    /// For a file that cannot be read, a zip that is damaged or has more than [`MAX_ENTRIES`] files, a first line of more than
    /// [`MAX_LINE_BYTES`], or one that has no columns of candles.
    pub(crate) fn open(path: &Path, magic: &[u8]) -> Result<Self, LegacyError> {
        let name = path.display().to_string();
        let packing = match magic {
            [0x50, 0x4b, 0x03, 0x04, ..] => Packing::Zip,
            [0x1f, 0x8b, ..] => Packing::Gzip,
            _ => Packing::Plain,
        };
        let mut file = Self { name, path: path.to_owned(), packing, tables: Vec::new() };
        for entry in file.entries()? {
            let first = file.first_line(entry.as_ref())?;
            let own = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let named = entry.as_ref().map_or(own, |entry| &entry.name).to_owned();
            let table = file.table(&first, [&named, own], entry)?;
            file.tables.push(table);
        }
        if file.tables.is_empty() {
            return Err(file.error(None, LegacyErrorKind::Unsupported, "has no files that end with .csv"));
        }
        Ok(file)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many tables there are.
    pub(crate) fn tables(&self) -> usize {
        self.tables.len()
    }

    pub(crate) fn path(&self, table: usize) -> &[String] {
        &self.tables[table].path
    }

    pub(crate) fn schema(&self, table: usize) -> &Schema {
        &self.tables[table].schema
    }

    /// The rows of a table, all values as text; one that is not there is null. After an error no more.
    ///
    /// # Errors
    /// For a file that cannot be opened again; as a batch for one that is damaged, unpacks to more than
    /// [`MAX_UNPACKED_BYTES`], or has a line of more than [`MAX_LINE_BYTES`].
    pub(crate) fn batches(
        &self,
        table: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, LegacyError>> + '_, LegacyError> {
        let table = &self.tables[table];
        let entry = table.path.first().map(String::as_str);
        let reader = Lines { inner: self.reader(table.entry.as_ref())?, line: 0 };
        let mut reader = ReaderBuilder::new()
            .has_headers(table.has_header)
            .delimiter(table.delimiter)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(reader);
        let mut is_over = false;
        Ok(std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let batch = table.read(&mut reader).map_err(|error| self.damaged(entry, &error));
            is_over = !matches!(batch, Ok(Some(_)));
            batch.transpose()
        }))
    }

    /// The tables in a zip, looked up once; one without an entry of another file.
    fn entries(&self) -> Result<Vec<Option<Entry>>, LegacyError> {
        if self.packing != Packing::Zip {
            return Ok(vec![None]);
        }
        let damaged = |error: ZipError| self.damaged(None, &error);
        let mut archive = ZipArchive::new(BufReader::new(self.file()?)).map_err(damaged)?;
        if archive.len() > MAX_ENTRIES {
            let message = format!("has more than {MAX_ENTRIES} files");
            return Err(self.error(None, LegacyErrorKind::Limit, &message));
        }
        let mut names = Vec::new();
        for name in archive.file_names() {
            names.push(name.map_err(damaged)?.into_owned());
        }
        let mut entries = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            if name.to_lowercase().ends_with(".csv") {
                // Its place in the file; the entry itself would borrow the archive.
                let file = archive.by_index_raw(at).map_err(|error| self.damaged(Some(&name), &error))?;
                let start = file.data_start().ok_or_else(|| {
                    self.error(Some(&name), LegacyErrorKind::Damaged, "has no place in the zip")
                })?;
                let (packed, method, sum) = (file.compressed_size(), file.compression(), file.crc32());
                drop(file);
                entries.push(Some(Entry { name, start, packed, method, sum }));
            }
        }
        Ok(entries)
    }

    fn file(&self) -> Result<File, LegacyError> {
        File::open(&self.path).map_err(|error| io_error(&self.name, "open", error))
    }

    /// The unpacked bytes of a table.
    fn reader(&self, entry: Option<&Entry>) -> Result<Box<dyn BufRead>, LegacyError> {
        let unpacked: Box<dyn Read> = match (self.packing, entry) {
            (Packing::Zip, Some(Entry { name, start, packed, method, sum })) => {
                let mut file = self.file()?;
                io::Seek::seek(&mut file, io::SeekFrom::Start(*start))
                    .map_err(|error| io_error(&self.name, "read", error))?;
                let packed = BufReader::new(file).take(*packed);
                let unpacked: Box<dyn Read> = match method {
                    CompressionMethod::Stored => Box::new(packed),
                    CompressionMethod::Deflated => Box::new(flate2::read::DeflateDecoder::new(packed)),
                    other => {
                        let message = format!("is packed by {other}, which is not read");
                        return Err(self.error(Some(name), LegacyErrorKind::Unsupported, &message));
                    }
                };
                Box::new(Summed { inner: unpacked, crc: Crc::new(), expected: *sum })
            }
            (Packing::Gzip, _) => Box::new(MultiGzDecoder::new(BufReader::new(self.file()?))),
            _ => return Ok(Box::new(BufReader::new(self.file()?))),
        };
        Ok(Box::new(BufReader::new(Bounded { inner: unpacked, left: MAX_UNPACKED_BYTES })))
    }

    fn first_line(&self, entry: Option<&Entry>) -> Result<String, LegacyError> {
        let name = entry.map(|entry| entry.name.as_str());
        let mut line = Vec::new();
        let mut reader = self.reader(entry)?.take(MAX_LINE_BYTES as u64 + 1);
        reader.read_until(b'\n', &mut line).map_err(|error| self.damaged(name, &error))?;
        if line.len() > MAX_LINE_BYTES {
            let message = format!("has a first line of more than {MAX_LINE_BYTES} bytes");
            return Err(self.error(name, LegacyErrorKind::Limit, &message));
        }
        let text = String::from_utf8(line).map_err(|_| {
            self.error(
                name,
                LegacyErrorKind::Unsupported,
                "is neither text nor another kind of file that is read",
            )
        })?;
        Ok(text.trim_start_matches('\u{feff}').trim().to_owned())
    }

    fn table(&self, first: &str, names: [&str; 2], entry: Option<Entry>) -> Result<Table, LegacyError> {
        let delimiter = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|mark| (first.bytes().filter(|byte| byte == mark).count(), *mark == b','));
        let delimiter = delimiter.unwrap_or(b',');
        let cells: Vec<&str> =
            first.split(char::from(delimiter)).map(|cell| cell.trim().trim_matches('"')).collect();
        if cells.len() < 2 || cells.len() > MAX_COLUMNS {
            let message = "has no lines of values with commas between them";
            let name = entry.as_ref().map(|entry| entry.name.as_str());
            return Err(self.error(name, LegacyErrorKind::Unsupported, message));
        }
        let has_header = cells.iter().any(|cell| layout::is_known_name(cell));
        let field = |(at, cell): (usize, &&str)| {
            let name = if has_header { (*cell).to_owned() } else { at.to_string() };
            Field::new(name, DataType::Utf8, true)
        };
        let schema = Arc::new(Schema::new(cells.iter().enumerate().map(field).collect::<Vec<_>>()));
        let day = names.into_iter().find_map(day_of).filter(|_| !has_header);
        let path = entry.iter().map(|entry| entry.name.clone()).collect();
        Ok(Table { entry, path, schema, has_header, delimiter, day })
    }

    fn damaged(&self, entry: Option<&str>, error: &dyn std::fmt::Display) -> LegacyError {
        self.error(entry, LegacyErrorKind::Damaged, &format!("cannot be read on: {error}"))
    }

    fn error(&self, entry: Option<&str>, kind: LegacyErrorKind, message: &str) -> LegacyError {
        match entry {
            Some(entry) => LegacyError::new(kind, format_args!("{}, {entry}", self.name), message),
            None => LegacyError::new(kind, &self.name, message),
        }
    }
}

impl Table {
    /// The next rows; none at the end.
    fn read<R: Read>(&self, reader: &mut csv::Reader<R>) -> Result<Option<RecordBatch>, csv::Error> {
        let mut columns: Vec<StringBuilder> =
            self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let (mut record, mut rows) = (csv::ByteRecord::new(), 0);
        while rows < BATCH_ROWS && reader.read_byte_record(&mut record)? {
            rows += 1;
            let text = StringRecord::from_byte_record_lossy(std::mem::take(&mut record));
            for (at, column) in columns.iter_mut().enumerate() {
                let value = text.get(at).filter(|value| !value.is_empty());
                match (value, self.day.filter(|_| at == 0).zip(value.and_then(millis_of_day))) {
                    (_, Some((day, millis))) => column.append_value((midnight(day) + millis).to_string()),
                    (value, None) => column.append_option(value),
                }
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        // Columns are as many and as long as the schema and the rows say.
        Ok(RecordBatch::try_new(self.schema.clone(), columns).ok())
    }
}

/// The day that a name begins with; of a name with folders, the last part counts.
fn day_of(name: &str) -> Option<NaiveDate> {
    let stem = name.rsplit(['/', '\\']).next()?;
    let (day, rest) = stem.split_at_checked(8)?;
    let is_day = !rest.starts_with(|next: char| next.is_ascii_digit());
    NaiveDate::parse_from_str(day, "%Y%m%d").ok().filter(|_| is_day)
}

fn millis_of_day(text: &str) -> Option<i64> {
    text.parse().ok().filter(|millis| (0..MILLIS_A_DAY).contains(millis))
}

fn midnight(day: NaiveDate) -> i64 {
    day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()
}

/// Unpacked bytes, an error past a limit.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {} GiB", MAX_UNPACKED_BYTES >> 30))
        })?;
        Ok(read)
    }
}

/// Bytes whose sum is known, an error at their end where it is another.
struct Summed<R> {
    inner: R,
    crc: Crc,
    expected: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.crc.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            return Err(io::Error::other("its checksum is not the one in the zip"));
        }
        Ok(read)
    }
}

/// Lines, an error past the longest.
struct Lines<R> {
    inner: R,
    /// Bytes since the last end of a line.
    line: usize,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for part in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
            self.line += part.len();
            if self.line > MAX_LINE_BYTES {
                return Err(io::Error::other(format!("a line has more than {MAX_LINE_BYTES} bytes")));
            }
            if part.ends_with(b"\n") {
                self.line = 0;
            }
        }
        Ok(read)
    }
}
