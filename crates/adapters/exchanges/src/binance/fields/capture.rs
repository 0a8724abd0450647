//! The visitors that capture a message's fields.

use std::borrow::Cow;
use std::fmt;

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::violation::Violations;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Fields, Key, Value};

/// Most broken rules reported of one side of a book.
const MAX_VIOLATIONS: usize = 64;

/// Captures the fields of a message.
///
/// # Errors
/// A violation for what is no UTF-8, no JSON, or no object or array of objects.
pub(in crate::binance) fn read(json: &[u8]) -> Result<Fields<'_>, Violations> {
    let text = std::str::from_utf8(json).map_err(|error| {
        Violations::one("message", String::from_utf8_lossy(excerpt(json)), format!("must be UTF-8: {error}"))
    })?;
    let mut fields = Fields::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let frame = FrameSeed { fields: &mut fields, depth: 0 };
    match frame.deserialize(&mut deserializer).and_then(|()| deserializer.end()) {
        Ok(()) => Ok(fields),
        Err(error) => {
            let shown = String::from_utf8_lossy(excerpt(json));
            Err(Violations::one("message", shown, format!("must be a JSON message: {error}")))
        }
    }
}

fn excerpt(json: &[u8]) -> &[u8] {
    &json[..json.len().min(256)]
}

/// An object whose fields are captured: the message, its `data`, its `error`.
struct FrameSeed<'f, 'a> {
    fields: &'f mut Fields<'a>,
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for FrameSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FrameSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { fields, depth } = self;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Data if depth == 0 => map.next_value_seed(FrameSeed { fields, depth: 1 })?,
                Key::Error if depth == 0 => {
                    fields.put(key, Value::Object)?;
                    map.next_value_seed(FrameSeed { fields, depth: 2 })?;
                }
                Key::Order if depth < 2 => {
                    let symbol = map.next_value_seed(OrderSeed)?;
                    fields.order_symbol = symbol;
                }
                Key::Data | Key::Order | Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Bids => {
                    let side = Side { name: "bids", violations: &mut fields.violations };
                    let value = map.next_value_seed(ValueSeed(Some(side)))?;
                    fields.put(key, value)?;
                }
                Key::Asks => {
                    let side = Side { name: "asks", violations: &mut fields.violations };
                    let value = map.next_value_seed(ValueSeed(Some(side)))?;
                    fields.put(key, value)?;
                }
                key => {
                    let value = map.next_value_seed(ValueSeed(None))?;
                    fields.put(key, value)?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.depth > 1 || self.fields.batch.is_some() {
            return Err(A::Error::custom("unexpected array of events"));
        }
        self.fields.batch = Some(true);
        if seq.next_element_seed(FrameSeed { fields: self.fields, depth: 2 })?.is_some() {
            self.fields.batch = Some(false);
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        Ok(Key::named(name))
    }
}

/// A side of a book while its levels are parsed.
struct Side<'f> {
    name: &'static str,
    violations: &'f mut Violations,
}

impl Side<'_> {
    fn level(&mut self, index: usize, price: &Value<'_>, size: &Value<'_>) -> Option<BookLevel> {
        if let (Value::Text(price), Value::Text(size)) = (price, size)
            && let (Ok(price), Ok(size)) = (Price::parse("price", price), Quantity::parse("size", size))
        {
            return Some(BookLevel { price, size });
        }
        if self.violations.0.len() < MAX_VIOLATIONS {
            price.price(&format!("book.{}[{index}].price", self.name), self.violations);
            size.quantity(&format!("book.{}[{index}].size", self.name), self.violations);
        }
        None
    }
}

/// Any value; an array is read as levels where a side is given.
struct ValueSeed<'f>(Option<Side<'f>>);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        #[expect(clippy::cast_precision_loss, reason = "shown in a report only")]
        let inexact = value as f64;
        Ok(i64::try_from(value).map_or(Value::Inexact(inexact), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Inexact(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut levels = Vec::new();
        let Some(mut side) = self.0 else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Levels(levels));
        };
        let mut index = 0;
        while let Some(level) = seq.next_element_seed(LevelSeed { side: &mut side, index })? {
            levels.extend(level);
            index += 1;
        }
        Ok(Value::Levels(levels))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}

/// One `[price, size]`; further elements, which old spot messages have, are passed over.
struct LevelSeed<'s, 'f> {
    side: &'s mut Side<'f>,
    index: usize,
}

impl<'de> DeserializeSeed<'de> for LevelSeed<'_, '_> {
    type Value = Option<BookLevel>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for LevelSeed<'_, '_> {
    type Value = Option<BookLevel>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a [price, size] pair")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let price = seq.next_element_seed(ValueSeed(None))?.unwrap_or_default();
        let size = seq.next_element_seed(ValueSeed(None))?.unwrap_or_default();
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.side.level(self.index, &price, &size))
    }
}

/// The symbol inside a liquidation's order; tickers have a price under the same key.
struct OrderSeed;

impl<'de> DeserializeSeed<'de> for OrderSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! passed_over {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<Value<'de>, E> {
            Ok(Value::Missing)
        })*
    };
}

impl<'de> Visitor<'de> for OrderSeed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an order or a price")
    }

    passed_over!(visit_str: &str, visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Missing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut symbol = Value::Missing;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if key == Key::Symbol {
                symbol = map.next_value_seed(ValueSeed(None))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(symbol)
    }
}
