//! Whose candles a table holds, and of which period: told by the names of folders, files and tables, or asked for.
//!
//! Names are read from the inside out: those of a table in its file, then the file's, then those of the folders. What one
//! leaves open the next may say. Nothing is guessed: a name with a word that is not understood, and names that contradict
//! one another, are unclear, and the user says what they mean by a [`Mapping`] or a [`Pattern`].

mod clues;
mod mapping;
mod pattern;
mod words;

use onetape_domain::instrument::{Exchange, Instrument, Symbol};
use onetape_domain::manifest::Left;
use onetape_domain::time::Timeframe;

use clues::Clues;
pub use mapping::{MAX_MAPPING_BYTES, MappedTable, Mapping};
pub use pattern::Pattern;

/// Longest path of a file that is understood.
pub const MAX_PATH_BYTES: usize = 1_024;
/// Most names a table lies under in its file, and most folders a file lies in.
pub const MAX_NAMES: usize = 16;

/// Whether a path is the one that is meant, or lies in that folder, where it ends with `/`.
pub(crate) fn is_there(path: &str, meant: &str) -> bool {
    if meant.ends_with('/') { path.starts_with(meant) } else { path == meant }
}

/// How names are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The venue of symbols that name none.
    pub default_exchange: Exchange,
    /// What the user says of single files and symbols; it goes before everything else.
    pub mapping: Mapping,
    /// How the user says that paths are built; where it does not fit a path, names are understood as usual.
    pub pattern: Option<Pattern>,
}

impl Naming {
    /// Names alone, with a venue for symbols that name none.
    pub fn new(default_exchange: Exchange) -> Self {
        Self { default_exchange, mapping: Mapping::default(), pattern: None }
    }

    /// What a table holds, by the path of its file and its names inside.
    ///
    /// # Errors
    /// What is not clear, and how the user can say it.
    pub fn resolve(&self, path: &str, names: &[String]) -> Result<(Instrument, Timeframe), Unclear> {
        let longest = names.iter().map(String::len).max().unwrap_or(0);
        if path.len() > MAX_PATH_BYTES || longest > MAX_PATH_BYTES || names.len() > MAX_NAMES {
            return Err(Unclear::ambiguous("its name is longer than names that are understood"));
        }
        if let Some(known) = self.mapping.table(path, names) {
            return Ok(known);
        }
        let read = |text: &str| Clues::of(text, &self.mapping);
        let mut inner: Vec<Clues> = names.iter().rev().flat_map(|name| read(name)).collect();
        let mut folders = Vec::new();
        match self.pattern.as_ref().map(|pattern| pattern.clues(path, &self.mapping)) {
            Some(Ok(Some(clues))) => inner.push(clues),
            Some(Err(unclear)) => return Err(unclear),
            Some(Ok(None)) | None => {
                let mut parts = path.rsplit('/');
                inner.extend(parts.next().into_iter().flat_map(read));
                folders = parts.take(MAX_NAMES).flat_map(read).filter(Clues::is_understood).collect();
            }
        }
        let found = Found::inside(&inner)?.with_folders(&folders)?;
        let symbol = found.symbol.ok_or_else(|| Unclear::ambiguous("its name says no instrument"))?;
        let timeframe = found.timeframe.ok_or_else(|| Unclear::ambiguous("its name says no timeframe"))?;
        let exchange = found.exchange.unwrap_or_else(|| self.default_exchange.clone());
        Ok((Instrument::new(exchange, symbol), timeframe))
    }
}

/// Why a name does not tell what a table holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unclear {
    /// What kind of reason.
    pub why: Left,
    /// The reason, for people.
    pub reason: String,
}

impl Unclear {
    fn ambiguous(what: impl std::fmt::Display) -> Self {
        let reason = format!("{what}: say it in a mapping, or how names are built in a pattern");
        Self { why: Left::Ambiguous, reason }
    }

    fn unsupported(reason: String) -> Self {
        Self { why: Left::Unsupported, reason }
    }
}

/// What names say together.
#[derive(Debug, Default)]
struct Found {
    exchange: Option<Exchange>,
    symbol: Option<Symbol>,
    timeframe: Option<Timeframe>,
}

impl Found {
    /// What the names of table and file say, innermost first.
    fn inside(layers: &[Clues]) -> Result<Self, Unclear> {
        let mut found = Self::default();
        for clues in layers {
            if (found.symbol.is_none() || found.timeframe.is_none())
                && let Some(doubt) = &clues.doubt
            {
                return Err(doubt.clone());
            }
            if found.symbol.is_none()
                && clues.symbol.is_some()
                && let Some(odd) = clues.odd.first()
            {
                return Err(Unclear::ambiguous(format!("`{odd}` in its name is not understood")));
            }
            agree("exchange", &mut found.exchange, &clues.exchange)?;
            agree("instrument", &mut found.symbol, &clues.symbol)?;
            agree("timeframe", &mut found.timeframe, &clues.code.or(clues.word))?;
        }
        Ok(found)
    }

    /// What is still open, by the folders. Codes such as `1m` count before words such as `minute`: folders `daily` are also
    /// those with a file for each day.
    fn with_folders(mut self, folders: &[Clues]) -> Result<Self, Unclear> {
        for clues in folders {
            agree("exchange", &mut self.exchange, &clues.exchange)?;
        }
        if self.symbol.is_none() {
            for clues in folders {
                agree("instrument", &mut self.symbol, &clues.symbol)?;
            }
        }
        for said in [|clues: &Clues| clues.code, |clues: &Clues| clues.word] {
            if self.timeframe.is_none() {
                for clues in folders {
                    agree("timeframe", &mut self.timeframe, &said(clues))?;
                }
            }
        }
        Ok(self)
    }
}

fn agree<T: Clone + PartialEq + std::fmt::Display>(
    what: &str,
    known: &mut Option<T>,
    said: &Option<T>,
) -> Result<(), Unclear> {
    match (known.as_ref(), said) {
        (Some(known), Some(said)) if known != said => {
            Err(Unclear::ambiguous(format!("its names say two {what}s, {known} and {said}")))
        }
        (None, Some(said)) => {
            *known = Some(said.clone());
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
