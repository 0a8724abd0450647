//! Reading a config file: every unknown key and every wrong value is reported with its line.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Fault};
use super::keys::{KEYS, Key};
use crate::suggest::closest;

/// Size beyond which a file is none of ours.
const MAX_BYTES: u64 = 1 << 20;

/// A setting of a file.
pub(super) struct Entry {
    pub(super) key: &'static Key,
    pub(super) value: String,
    pub(super) line: usize,
}

/// Reads all settings of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        let reason = std::io::Error::other("it is larger than 1 MiB, so it is no config file");
        return Err(unreadable(reason));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).map_err(|faults| ConfigError::File { path: path.to_owned(), faults })
}

/// The settings of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
    let mut reader = Reader { text, entries: Vec::new(), faults: Vec::new() };
    match DeTable::parse(text) {
        Ok(root) => reader.section("", root.get_ref()),
        Err(error) => {
            let line = error.span().map_or(1, |span| reader.line(span));
            // A cause is told in several lines, a fault in one.
            let cause = error.message().replace('\n', ", ");
            reader.faults.push(Fault { line, reason: format!("this is not TOML: {cause}") });
        }
    }
    if reader.faults.is_empty() { Ok(reader.entries) } else { Err(reader.faults) }
}

struct Reader<'a> {
    text: &'a str,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn section(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let line = self.line(name.span());
            let full = if path.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{path}.{}", name.get_ref())
            };
            self.member(&full, line, value);
        }
        self.faults.sort_by_key(|fault| fault.line);
    }

    fn member(&mut self, name: &str, line: usize, value: &Spanned<DeValue<'_>>) {
        let is_section =
            KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        match (Key::named(name), value.get_ref()) {
            (Some(key), value) => match text_of(value) {
                Some(value) => self.entries.push(Entry { key, value, line }),
                None => self.fault(line, format!("{name} must be a text or a whole number")),
            },
            (None, DeValue::Table(table)) if is_section => self.section(name, table),
            (None, _) if is_section => self.fault(line, format!("{name} must be a section: write [{name}]")),
            // Another build's: it says nothing about this one.
            (None, _) if cfg!(not(feature = "timescale")) && name.split('.').next() == Some("pools") => {}
            (None, _) if cfg!(not(feature = "live")) && name.split('.').next() == Some("collect") => {}
            (None, _) => self.unknown(line, name),
        }
    }

    /// The value is not shown: it may be a URL with a password under a mistyped name.
    fn unknown(&mut self, line: usize, name: &str) {
        let names = KEYS.iter().flat_map(|key| [key.name, key.place().0]).filter(|name| !name.is_empty());
        let reason = match closest(name, names) {
            Some(like) => format!("{name} is no setting: did you mean {like}?"),
            None => format!("{name} is no setting: `onetape config show` prints all there are"),
        };
        self.fault(line, reason);
    }

    fn fault(&mut self, line: usize, reason: String) {
        self.faults.push(Fault { line, reason });
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    }
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        _ => None,
    }
}
