//! `SHA256SUMS`: a line a file, as `sha256sum` reads and writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::tree::{Tree, is_name};
use super::{FILES, PackError};

/// Name of the list in an archive.
pub const SUMS: &str = "SHA256SUMS";
/// Most bytes of a list that is read.
pub const MAX_SUMS_BYTES: u64 = 64 << 20;
/// Bytes that are read at once.
pub(super) const CHUNK: usize = 1 << 20;
/// Hexadecimal digits of a sum.
const DIGITS: usize = 64;

/// Sums by the paths of files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums(BTreeMap<String, String>);

impl Sums {
    pub(super) fn add(&mut self, path: &str, sum: String) {
        self.0.insert(path.to_owned(), sum);
    }

    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Those of these files; none where one of them has no sum.
    pub(super) fn only<'a>(&self, names: impl Iterator<Item = &'a str>) -> Option<Self> {
        names.map(|name| Some((name.to_owned(), self.0.get(name)?.clone()))).collect::<Option<_>>().map(Self)
    }

    /// The list.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (path, sum) in &self.0 {
            // Writing into a text does not fail.
            let _ = writeln!(text, "{sum}  {FILES}/{path}");
        }
        text
    }

    /// Reads a list; also returns its own sum.
    pub(super) fn read(place: &Path) -> Result<(Self, String), PackError> {
        let damaged = |why: String| PackError::Damaged { place: place.to_owned(), why };
        let mut bytes = Vec::new();
        let file = File::open(place).map_err(PackError::io("open", place))?;
        let read = file.take(MAX_SUMS_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(PackError::io("read", place))?;
        if bytes.len() as u64 > MAX_SUMS_BYTES {
            return Err(damaged(format!("its list is longer than {MAX_SUMS_BYTES} bytes")));
        }
        let own = hex(Sha256::digest(&bytes).as_ref());
        let text = String::from_utf8(bytes).map_err(|_| damaged("its list is no text".to_owned()))?;
        let mut sums = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let (sum, path) =
                parsed(line).ok_or_else(|| damaged(format!("line {number} of its list is none")))?;
            if sums.0.insert(path.to_owned(), sum.to_owned()).is_some() {
                return Err(damaged(format!("{path} stands in its list twice")));
            }
        }
        Ok((sums, own))
    }

    /// Checks that a folder has these files and no others.
    pub(super) fn same_names(&self, tree: &Tree, place: &Path) -> Result<(), PackError> {
        let damaged = |why: String| Err(PackError::Damaged { place: place.to_owned(), why });
        if let Some(missing) = self.0.keys().find(|path| !tree.has(path)) {
            return damaged(format!("{missing} is missing"));
        }
        match tree.names().find(|path| !self.0.contains_key(*path)) {
            Some(other) => damaged(format!("{other} is not in its list")),
            None => Ok(()),
        }
    }
}

/// Sum and path of a line. A path leads nowhere but below the folder.
fn parsed(line: &str) -> Option<(&str, &str)> {
    let (sum, path) = line.split_at_checked(DIGITS)?;
    let path = path.strip_prefix("  ")?.strip_prefix(FILES)?.strip_prefix('/')?;
    let is_sum = sum.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (is_sum && path.split('/').all(is_name)).then_some((sum, path))
}

/// The sum of a file, and its bytes.
pub(super) fn of_file(place: &Path) -> Result<(String, u64), PackError> {
    let mut file = File::open(place).map_err(PackError::io("open", place))?;
    pass(&mut file, place, |_| Ok(()))
}

/// Reads to the end, gives each piece away, and sums up.
pub(super) fn pass(
    file: &mut impl Read,
    place: &Path,
    mut piece: impl FnMut(&[u8]) -> Result<(), PackError>,
) -> Result<(String, u64), PackError> {
    let (mut sum, mut length, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => return Ok((hex(sum.finalize().as_ref()), length)),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(PackError::io("read", place)(error)),
        };
        sum.update(&chunk[..read]);
        piece(&chunk[..read])?;
        length += read as u64;
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
