//! A page of a history: whether it is what it is to be, and what it says of ids that it leaves out.

use onetape_domain::engine::gaps::OpenGap;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::trade::{TradeEvent, TradeId, TradeKind};
use onetape_ports::{HistoryError, HistoryErrorKind, HistorySource, TradePage};

/// Most ids between the first and the last one of a page that may stand for no trade.
const MAX_VOIDS: i64 = 10_000;

/// How far the time of a trade may lie outside its gap; beyond it, it is no trade of this gap.
const TOLERANCE: i64 = 60 * SECOND;

/// The id of a trade, where it is a number.
pub(super) fn numeric(event: &TradeEvent) -> Option<i64> {
    match event.id() {
        TradeId::Numeric(id) => Some(*id),
        TradeId::Text { .. } | TradeId::Missing => None,
    }
}

/// Missing ids of `from..=last` that a page leaves out, each with the time of the trade before it; none where they are
/// more than can be believed.
pub(super) fn voids(gap: &OpenGap, from: i64, last: i64, trades: &[TradeEvent]) -> Vec<(i64, Timestamp)> {
    let last = last.min(gap.last_id);
    if last.saturating_sub(from) > MAX_VOIDS {
        return Vec::new();
    }
    let mut voids = Vec::new();
    let mut given = trades.iter().peekable();
    let mut time = gap.begin;
    for (first, end) in &gap.missing {
        for id in (*first).max(from)..=(*end).min(last) {
            while let Some(event) = given.next_if(|event| numeric(event).is_none_or(|given| given <= id)) {
                time = event.event_time();
                if numeric(event) == Some(id) {
                    break;
                }
            }
            if trades.binary_search_by_key(&Some(id), numeric).is_err() {
                voids.push((id, time));
            }
        }
    }
    voids
}

/// A page must be what it is to be before anything of it is believed.
pub(super) fn check(
    page: &TradePage,
    source: HistorySource,
    from: i64,
    gap: &OpenGap,
) -> Result<(), HistoryError> {
    let wrong = |what: String| Err(HistoryError::new(HistoryErrorKind::Response, what));
    let mut before = from - 1;
    for event in &page.trades {
        let Some(id) = numeric(event) else { return wrong("a trade has no number for an id".to_owned()) };
        if id <= before {
            return wrong(format!("trade {id} follows {before}, though ids rise"));
        }
        before = id;
        let is_aggregate = event.aggregate().is_some();
        if is_aggregate != (source.kind == TradeKind::Aggregate) {
            return wrong(format!("trade {id} is no {} one", source.kind));
        }
        let time = event.event_time();
        let is_of_gap = time >= gap.begin.plus(-TOLERANCE) && time < gap.end.plus(TOLERANCE);
        if id <= gap.last_id && !is_of_gap {
            return wrong(format!(
                "trade {id} is of {time}, far outside its gap of {} to {}",
                gap.begin, gap.end
            ));
        }
    }
    Ok(())
}
