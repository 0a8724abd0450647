//! One pass over a message: every field a parser may need, captured without judging it.
//!
//! The same one-letter key means different things in different events, and nothing orders the keys, so
//! values are kept as they are and judged once the kind of message is known. Levels alone are parsed on
//! the way: an array of pairs is never anything else.

mod capture;

use std::borrow::Cow;

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::time::Timestamp;
use onetape_domain::violation::Violations;
use serde::de::Error;

pub(super) use self::capture::read;

/// Fields that are kept, by the wire's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Stream,
    Event,
    SentAt,
    Symbol,
    Time,
    TradeId,
    Price,
    Size,
    Maker,
    TradeKind,
    FirstUpdate,
    LastUpdate,
    PreviousUpdate,
    FirstTrade,
    LastTrade,
    BookUpdate,
    Bids,
    Asks,
    Result,
    Error,
    Code,
    ErrorText,
    // Those below have no slot.
    Data,
    Order,
    Unknown,
}

const SLOTS: usize = Key::Data as usize;

impl Key {
    fn named(name: &str) -> Self {
        match name {
            "stream" => Self::Stream,
            "e" => Self::Event,
            "E" => Self::SentAt,
            "s" | "symbol" => Self::Symbol,
            "T" => Self::Time,
            "t" => Self::TradeId,
            "p" => Self::Price,
            "q" => Self::Size,
            "m" => Self::Maker,
            "X" => Self::TradeKind,
            "U" => Self::FirstUpdate,
            "u" => Self::LastUpdate,
            "pu" => Self::PreviousUpdate,
            "f" => Self::FirstTrade,
            "l" => Self::LastTrade,
            "lastUpdateId" => Self::BookUpdate,
            "b" | "bids" => Self::Bids,
            "a" | "asks" => Self::Asks,
            "result" => Self::Result,
            "error" => Self::Error,
            "code" => Self::Code,
            "msg" => Self::ErrorText,
            "data" => Self::Data,
            "o" => Self::Order,
            _ => Self::Unknown,
        }
    }
}

/// A value as it stands in the JSON.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    #[default]
    Missing,
    Null,
    Bool(bool),
    Integer(i64),
    /// A number that is no `i64`, of which no exact text is left.
    Inexact(f64),
    Text(Cow<'a, str>),
    /// An array: levels where it stands for a side of a book, else nothing.
    Levels(Vec<BookLevel>),
    Object,
}

impl Value<'_> {
    /// The value as reports show it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Inexact(value) => value.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Levels(_) => "[…]".to_owned(),
            Self::Object => "{…}".to_owned(),
        }
    }

    fn wrong(&self, field: &str, expected: &str, violations: &mut Violations) {
        let reason = if matches!(self, Self::Missing) { "is missing" } else { expected };
        violations.push(field, self.shown(), reason);
    }

    pub(super) fn text(&self, field: &str, expected: &str, violations: &mut Violations) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            other => {
                other.wrong(field, expected, violations);
                None
            }
        }
    }

    pub(super) fn price(&self, field: &str, violations: &mut Violations) -> Option<Price> {
        let text = self.text(field, NOT_EXACT, violations)?;
        Price::parse(field, text).map_err(|broken| violations.0.extend(broken.0)).ok()
    }

    pub(super) fn quantity(&self, field: &str, violations: &mut Violations) -> Option<Quantity> {
        let text = self.text(field, NOT_EXACT, violations)?;
        Quantity::parse(field, text).map_err(|broken| violations.0.extend(broken.0)).ok()
    }

    pub(super) fn integer(&self, field: &str, violations: &mut Violations) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            other => {
                other.wrong(field, "must be an integer", violations);
                None
            }
        }
    }

    /// An update id.
    pub(super) fn update(&self, field: &str, violations: &mut Violations) -> Option<u64> {
        let value = self.integer(field, violations)?;
        u64::try_from(value).map_err(|_| violations.push(field, value, "must not be negative")).ok()
    }

    pub(super) fn flag(&self, field: &str, violations: &mut Violations) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            other => {
                other.wrong(field, "must be true or false", violations);
                None
            }
        }
    }

    pub(super) fn millis(&self, field: &str, violations: &mut Violations) -> Option<Timestamp> {
        let millis = self.integer(field, violations)?;
        Timestamp::try_from_millis(field, millis).map_err(|broken| violations.0.extend(broken.0)).ok()
    }
}

const NOT_EXACT: &str = "must be text: other than text is not exact";

/// The captured fields of a message, its envelope's included.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    slots: [Value<'a>; SLOTS],
    order_symbol: Value<'a>,
    /// Whether the message is an array, and an empty one.
    batch: Option<bool>,
    /// What was wrong with levels.
    pub(super) violations: Violations,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: Key) -> &Value<'a> {
        &self.slots[key as usize]
    }

    pub(super) fn take(&mut self, key: Key) -> Value<'a> {
        std::mem::take(&mut self.slots[key as usize])
    }

    /// Whether the message is an array of events, of which the first was captured.
    pub(super) fn is_batch(&self) -> bool {
        self.batch.is_some()
    }

    pub(super) fn is_empty_batch(&self) -> bool {
        self.batch == Some(true)
    }

    /// The native name in the payload; liquidations have it in the order.
    pub(super) fn native_symbol(&self) -> Option<&Value<'a>> {
        [self.get(Key::Symbol), &self.order_symbol].into_iter().find(|value| !matches!(value, Value::Missing))
    }

    /// The native name the stream's name begins with.
    pub(super) fn stream_symbol(&self) -> Option<&str> {
        let Value::Text(stream) = self.get(Key::Stream) else {
            return None;
        };
        let (name, _) = stream.split_once('@')?;
        (!name.starts_with('!')).then_some(name)
    }

    /// Whether the stream is of a part of a book (`@depth5`, `@depth10`, `@depth20`) or of another book
    /// (`@rpiDepth`): futures send those in the form of a diff.
    pub(super) fn is_other_depth(&self) -> bool {
        let Value::Text(stream) = self.get(Key::Stream) else {
            return false;
        };
        let Some((_, kind)) = stream.split_once('@') else {
            return false;
        };
        let levels = kind.strip_prefix("depth");
        kind.starts_with("rpiDepth")
            || levels.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    fn put<E: Error>(&mut self, key: Key, value: Value<'a>) -> Result<(), E> {
        let slot = &mut self.slots[key as usize];
        if !matches!(slot, Value::Missing) {
            return Err(E::custom(format_args!("{key:?} is given twice")));
        }
        *slot = value;
        Ok(())
    }
}
