//! `depthUpdate` and REST depth snapshots.

use onetape_domain::book::BookLevel;
use onetape_domain::instrument::Market;
use onetape_domain::message::{BookDiff, FullBook, Payload};
use onetape_domain::violation::Violations;

use super::fields::{Fields, Key, Value};

/// A `depthUpdate`.
pub(super) fn diff(fields: &mut Fields<'_>, market: Market, violations: &mut Violations) -> Option<Payload> {
    let first_update = fields.get(Key::FirstUpdate).update("book.first_update", violations);
    let last_update = fields.get(Key::LastUpdate).update("book.last_update", violations);
    let previous_update = match (market, fields.get(Key::PreviousUpdate)) {
        (Market::Spot, _) => None,
        (_, previous) => previous.update("book.previous_update", violations),
    };
    if let (Some(first), Some(last)) = (first_update, last_update)
        && last < first
    {
        violations.push("book.last_update", last, format!("must not be below the first update {first}"));
    }
    let (bids, asks) = sides(fields, violations);
    Some(Payload::BookDiff(BookDiff {
        first_update: first_update?,
        last_update: last_update?,
        previous_update,
        bids: bids?,
        asks: asks?,
    }))
}

/// A whole book.
pub(super) fn snapshot(fields: &mut Fields<'_>, violations: &mut Violations) -> Option<Payload> {
    let last_update = fields.get(Key::BookUpdate).update("book.last_update", violations);
    let (bids, asks) = sides(fields, violations);
    Some(Payload::BookSnapshot(FullBook { last_update: last_update?, bids: bids?, asks: asks? }))
}

fn sides(
    fields: &mut Fields<'_>,
    violations: &mut Violations,
) -> (Option<Vec<BookLevel>>, Option<Vec<BookLevel>>) {
    let mut side = |key, field| match fields.take(key) {
        Value::Levels(levels) => Some(levels),
        Value::Missing => {
            violations.push(field, "", "is missing");
            None
        }
        other => {
            violations.push(field, other.shown(), "must be an array of [price, size] pairs");
            None
        }
    };
    (side(Key::Bids, "book.bids"), side(Key::Asks, "book.asks"))
}
