//! A long history of one instrument, as a store would start a cache from it.

use std::sync::Arc;

use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::Changes;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::{CoverageRow, CoverageState, Stream};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::frame::{FrameParts, indicator_input};
use onetape_domain::indicator::MAX_WINDOW;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeKey};
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;
use rust_decimal::Decimal;

use super::market::Market;

/// So many closed candles of every timeframe before `end`, a midnight, all covered, and the clock that stands
/// there. They do not sum up to one another.
///
/// # Errors
/// When `candles` reaches back before the earliest instant, or is too few to be a number.
pub fn history(
    instrument: &Instrument,
    end: Timestamp,
    candles: u32,
) -> Result<(InstrumentClock, FrameParts), Violations> {
    let mut parts = FrameParts::default();
    for timeframe in Timeframe::ALL {
        let rows = &mut parts.candles[timeframe.index()];
        for back in (1..=i64::from(candles)).rev() {
            let open_time = end.plus(-back * timeframe.micros());
            let ohlcv = Ohlcv::of_trade(&plain_trade(open_time, back)?);
            rows.push(Candle::closed(timeframe, open_time, ohlcv, 1, timeframe.close_time(open_time))?);
        }
        let last = &rows[rows.len().saturating_sub(MAX_WINDOW)..];
        let closes = last.iter().map(|candle| indicator_input(candle.ohlcv().close.get()));
        parts.closes[timeframe.index()] = Arc::new(closes.collect::<Vec<_>>().into());
    }
    let begin = end.plus(-i64::from(candles) * Timeframe::D1.micros());
    let alive = |stream| CoverageRow {
        stream,
        begin,
        end,
        state: CoverageState::Alive,
        reason: String::new(),
        available_at: end,
    };
    parts.coverage = Stream::ALL.map(alive).into();
    Ok((clock(instrument, end)?, parts))
}

/// A trade like many others, known at once.
///
/// # Errors
/// Never for ids from 0 on.
pub fn plain_trade(time: Timestamp, id: i64) -> Result<Trade, Violations> {
    Ok(Trade {
        key: TradeKey { event_time: time, sequence: id, index: 0 },
        trade_id: id.to_string().into(),
        price: Price::try_new("price", Decimal::new(250_000 + id % 977, 2))?,
        size: Quantity::try_new("size", Decimal::new(1 + id % 9_999, 4))?,
        side: if id % 2 == 0 { Side::Buy } else { Side::Sell },
        aggregate: None,
        received_at: time,
        available_at: time,
    })
}

/// The clock of an engine that has seen a second of market, moved to the stamp.
fn clock(instrument: &Instrument, issued: Timestamp) -> Result<InstrumentClock, Violations> {
    let market =
        Market { start: issued.plus(-60 * SECOND), seconds: 2, ..Market::new(instrument.clone(), 1) };
    let mut engine = InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
    market.messages().iter().for_each(|message| drop(engine.process(message, &mut Changes::default())));
    let clock =
        engine.clock(false).ok_or_else(|| Violations::one("end", issued, "leaves no market before it"))?;
    Ok(InstrumentClock { issued, ..clock })
}
