//! What store and cache have in common when they gather the parts of a frame.

use onetape_domain::candle::Candle;
use onetape_domain::frame::FrameParts;
use onetape_domain::time::{Timeframe, Timestamp};

/// From where on a frame of these parts looks at the coverage log; none where it has no rows.
///
/// A forming candle may open before the rows it is made of, at most at the start of their day; and an
/// unfinished book is judged by the instant just before its second.
pub(crate) fn measured_from(parts: &FrameParts) -> Option<Timestamp> {
    earliest(parts).map(|time| Timeframe::D1.open_time(time).plus(-1))
}

fn earliest(parts: &FrameParts) -> Option<Timestamp> {
    let candles = parts.candles.iter().filter_map(|rows| rows.first().map(Candle::open_time));
    let trades = parts.open_trades.first().map(|trade| trade.key.event_time);
    let seconds = parts.open_seconds.keys().next().copied();
    let book = parts.book.as_ref().map(|book| book.second());
    let imbalances = parts.imbalances.first().map(|row| row.second);
    let context = parts.context.first().map(Candle::open_time);
    candles.chain(trades).chain(seconds).chain(book).chain(imbalances).chain(context).min()
}
