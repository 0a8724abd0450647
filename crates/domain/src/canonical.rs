//! Canonical JSON: one text for one value. Keys sorted, no spaces, decimals as strings, times as
//! integer microseconds; indicators are the only floats, in their shortest round-trip form.

use serde::Serialize;
use serde_json::Value;

/// Writes a model canonically.
///
/// # Errors
/// Only for types whose serialisation fails, which no model's does.
///
/// ```
/// use onetape_domain::{canonical, time::Timestamp};
/// let text = canonical::to_string(&serde_json::json!({"b": 1, "a": Timestamp::from_micros(5)})).unwrap();
/// assert_eq!(text, r#"{"a":5,"b":1}"#);
/// ```
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = String::new();
    write(&serde_json::to_value(value)?, &mut out);
    Ok(out)
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            // Sorted here: whether the map is depends on features other crates may turn on.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|entry| entry.0);
            list(out, '{', '}', entries, |(key, value), out| {
                write(&Value::String(key.clone()), out);
                out.push(':');
                write(value, out);
            });
        }
        Value::Array(items) => list(out, '[', ']', items.iter().collect(), write),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn list<T>(out: &mut String, open: char, close: char, items: Vec<T>, mut each: impl FnMut(T, &mut String)) {
    out.push(open);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(close);
}
