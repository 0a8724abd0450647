//! How the user says that paths are built: `{exchange}/{symbol}_{timeframe}.{*}`.

use std::str::FromStr;

use onetape_domain::instrument::{Exchange, Instrument, Symbol};
use onetape_domain::time::Timeframe;
use onetape_domain::violation::Violations;

use super::clues::Clues;
use super::words::{self, Code};
use super::{Mapping, Unclear};

/// Longest pattern.
const MAX_BYTES: usize = 256;
/// Most ways to read a path that are tried.
const MAX_STEPS: usize = 2_000;

/// A path with places for what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Exchange,
    Symbol,
    Timeframe,
    Date,
    Anything,
}

impl FromStr for Pattern {
    type Err = Violations;

    /// A pattern for the whole path, with `{exchange}`, `{symbol}`, `{timeframe}`, `{date}` and, for what does not matter, `{*}`.
    fn from_str(text: &str) -> Result<Self, Violations> {
        let wrong = |reason: &str| Violations::one("pattern", text, reason);
        if text.len() > MAX_BYTES {
            return Err(wrong("must be at most 256 bytes"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| wrong("must close every { with }"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match name {
                "exchange" => Part::Exchange,
                "symbol" => Part::Symbol,
                "timeframe" => Part::Timeframe,
                "date" => Part::Date,
                "*" => Part::Anything,
                _ => {
                    return Err(wrong(
                        "may have {exchange}, {symbol}, {timeframe}, {date} and {*}, and nothing else in braces",
                    ));
                }
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        let says = parts.iter().any(|part| matches!(part, Part::Exchange | Part::Symbol | Part::Timeframe));
        if !says {
            return Err(wrong("must have at least one of {exchange}, {symbol} and {timeframe}"));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.text)
    }
}

impl Pattern {
    /// What a path says by this pattern; none where it does not fit.
    pub(super) fn clues(&self, path: &str, mapping: &Mapping) -> Result<Option<Clues>, Unclear> {
        let mut search = Search { mapping, found: Vec::new(), steps: MAX_STEPS };
        search.read(&self.parts, path, Clues::default());
        let mut found = search.found.into_iter();
        match (search.steps, found.next(), found.next()) {
            (0, _, _) => Err(Unclear::ambiguous("there are too many ways to read its path by the pattern")),
            (_, Some(_), Some(_)) => {
                Err(Unclear::ambiguous("there is more than one way to read its path by the pattern"))
            }
            (_, one, _) => Ok(one),
        }
    }
}

/// All ways to read a path, as far as they differ in what they say.
struct Search<'a> {
    mapping: &'a Mapping,
    found: Vec<Clues>,
    steps: usize,
}

impl Search<'_> {
    fn read(&mut self, parts: &[Part], path: &str, clues: Clues) {
        let Some((part, parts)) = parts.split_first() else {
            if path.is_empty() && !self.found.contains(&clues) {
                self.found.push(clues);
            }
            return;
        };
        if let Part::Text(text) = part {
            if let Some(rest) = path.strip_prefix(text.as_str()) {
                self.read(parts, rest, clues);
            }
            return;
        }
        if *part == Part::Anything && parts.is_empty() {
            return self.read(parts, "", clues);
        }
        let ends = path.char_indices().map(|(at, char)| at + char.len_utf8());
        let nothing = (*part == Part::Anything).then_some(0);
        for end in nothing.into_iter().chain(ends) {
            let (text, rest) = path.split_at(end);
            if *part != Part::Anything && text.ends_with('/') {
                return;
            }
            let may_follow = match parts {
                [] => rest.is_empty(),
                [Part::Text(next), ..] => rest.starts_with(next.as_str()),
                _ => true,
            };
            if !may_follow {
                continue;
            }
            if self.steps == 0 || self.found.len() > 1 {
                return;
            }
            self.steps -= 1;
            if let Some(clues) = self.said(part, text, &clues) {
                self.read(parts, rest, clues);
            }
        }
    }

    /// What is known with a text in a place; none where it does not fit there.
    fn said(&self, part: &Part, text: &str, clues: &Clues) -> Option<Clues> {
        let mut clues = clues.clone();
        match part {
            Part::Text(_) | Part::Anything => {}
            Part::Date => {
                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                let is_date = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                if !is_date || !(4..=13).contains(&digits) {
                    return None;
                }
            }
            Part::Exchange => {
                let exchange = Exchange::try_new(&text.to_ascii_lowercase()).ok()?;
                if clues.exchange.replace(exchange.clone()).is_some_and(|known| known != exchange) {
                    return None;
                }
            }
            Part::Symbol => {
                let symbol = symbol(text, self.mapping)?;
                if clues.symbol.replace(symbol.clone()).is_some_and(|known| known != symbol) {
                    return None;
                }
            }
            Part::Timeframe => {
                let timeframe = match words::code(text) {
                    Some(Code::Kept(timeframe)) => timeframe,
                    Some(Code::Other) => return None,
                    None => words::period(text)?,
                };
                if clues.code.replace(timeframe).is_some_and(|known: Timeframe| known != timeframe) {
                    return None;
                }
            }
        }
        Some(clues)
    }
}

/// A symbol in whatever form names have it; none where it is in doubt.
fn symbol(text: &str, mapping: &Mapping) -> Option<Symbol> {
    if text.parse::<Instrument>().is_ok() {
        return None;
    }
    let mut clues = Clues::of(text, mapping);
    let one = clues.pop().filter(|_| clues.is_empty())?;
    let says_only_that = one.exchange.is_none() && one.code.is_none() && one.word.is_none();
    one.symbol.clone().filter(|_| says_only_that && one.is_understood())
}
