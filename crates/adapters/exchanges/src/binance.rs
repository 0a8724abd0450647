//! Binance spot, USD-M and COIN-M: combined-stream envelopes, bare payloads and REST depth snapshots.
//!
//! - `trade` and `aggTrade` become trades, `depthUpdate` a book diff, a REST `depth` answer a snapshot.
//! - `bookTicker`, `kline`, `markPriceUpdate`, `forceOrder`, partial depth and the like become
//!   [`Payload::Ticker`]: JSON, symbol and time are checked, prices are not, since nothing reads them.
//! - Records on a futures `@trade` stream whose `X` is not `MARKET` carry a trade id but are no trades of
//!   the market: they become [`Payload::VoidTrade`].
//! - Answers to subscriptions are ignored, error objects and unknown kinds refused.

mod book;
mod fields;
mod symbol;
mod trade;

use onetape_domain::instrument::{Instrument, Market};
use onetape_domain::message::{ConnectionId, FeedMessage, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;

pub use self::symbol::{EXCHANGE, MAX_INSTRUMENTS, QUOTES, SymbolMap};
#[cfg(feature = "live")]
pub(crate) use self::symbol::{instrument_of, native_of};

use self::fields::{Fields, Key, Value};
use self::symbol::Instruments;
use crate::wire::{Parsed, Refused, UnaddressedBook, WireParser};

/// Event types that are known and carry nothing that is stored.
const TICKERS: [&str; 20] = [
    "bookTicker",
    "kline",
    "markPriceUpdate",
    "24hrTicker",
    "24hrMiniTicker",
    "forceOrder",
    "avgPrice",
    "continuous_kline",
    "indexPriceUpdate",
    "indexPrice_kline",
    "markPrice_kline",
    "1hTicker",
    "4hTicker",
    "1dTicker",
    "compositeIndex",
    "contractInfo",
    "assetIndexUpdate",
    "tradingSession",
    "serverShutdown",
    "openInterest",
];

/// The rules of a market's streams.
pub const fn rules(market: Market) -> VenueRules {
    match market {
        Market::Spot => VenueRules::BINANCE_SPOT,
        Market::Usdm | Market::Coinm => VenueRules::BINANCE_FUTURES,
    }
}

/// Reads the messages of one Binance market.
#[derive(Debug)]
pub struct BinanceParser {
    market: Market,
    instruments: Instruments,
}

/// What a message is, told by its event type or, without one, by its fields.
enum Kind {
    Trade,
    AggregateTrade,
    Diff,
    Snapshot,
    Ticker,
    Ignored(&'static str),
}

impl BinanceParser {
    /// A parser that knows the venue's usual names.
    pub fn new(market: Market) -> Self {
        Self::with_symbols(market, SymbolMap::default())
    }

    /// A parser with further names.
    pub fn with_symbols(market: Market, symbols: SymbolMap) -> Self {
        Self { market, instruments: Instruments::new(market, symbols) }
    }

    /// Which market it reads.
    pub fn market(&self) -> Market {
        self.market
    }

    fn address(&mut self, fields: &Fields<'_>, violations: &mut Violations) -> Option<Instrument> {
        let found = match fields.native_symbol() {
            Some(Value::Text(native)) => self.instruments.resolve(native),
            Some(other) => Err(Violations::one("symbol", other.shown(), "must be text")),
            None => match fields.stream_symbol() {
                Some(native) => self.instruments.resolve(&native.to_uppercase()),
                None => Err(Violations::one("symbol", "", "is missing")),
            },
        };
        found.map_err(|broken| violations.0.extend(broken.0)).ok()
    }

    fn read(
        &mut self,
        kind: &Kind,
        mut fields: Fields<'_>,
        received_at: Timestamp,
        connection: ConnectionId,
    ) -> Result<Parsed, Refused> {
        let mut violations = std::mem::take(&mut fields.violations);
        let nameless = fields.native_symbol().is_none() && fields.stream_symbol().is_none();
        if nameless && matches!(kind, Kind::Ticker) {
            return violations.into_result(Parsed::Ignored("ticker of no instrument")).map_err(Refused::from);
        }
        let instrument = if nameless && matches!(kind, Kind::Snapshot) {
            None
        } else {
            self.address(&fields, &mut violations)
        };
        let sent_at = match fields.get(Key::SentAt) {
            Value::Missing if matches!(kind, Kind::Snapshot | Kind::Ticker) => None,
            sent_at => sent_at.millis("message.sent_at", &mut violations),
        };
        let payload = match kind {
            Kind::Trade => trade::single(&fields, self.market, &mut violations),
            Kind::AggregateTrade => trade::aggregate(&fields, &mut violations),
            Kind::Diff => book::diff(&mut fields, self.market, &mut violations),
            Kind::Snapshot => book::snapshot(&mut fields, &mut violations),
            Kind::Ticker | Kind::Ignored(_) => Some(Payload::Ticker),
        };
        match (violations.0.is_empty(), payload, instrument) {
            (true, Some(payload), Some(instrument)) => {
                Ok(Parsed::Message(FeedMessage { instrument, connection, sent_at, received_at, payload }))
            }
            (true, Some(Payload::BookSnapshot(book)), None) => {
                Ok(Parsed::Unaddressed(UnaddressedBook { book, sent_at }))
            }
            (_, _, instrument) => Err(Refused { instrument, violations }),
        }
    }
}

impl WireParser for BinanceParser {
    fn parse(
        &mut self,
        json: &[u8],
        received_at: Timestamp,
        connection: ConnectionId,
    ) -> Result<Parsed, Refused> {
        let fields = fields::read(json)?;
        match classify(&fields)? {
            Kind::Ignored(what) => Ok(Parsed::Ignored(what)),
            kind => self.read(&kind, fields, received_at, connection),
        }
    }

    fn rules(&self) -> VenueRules {
        rules(self.market)
    }
}

fn classify(fields: &Fields<'_>) -> Result<Kind, Violations> {
    let kind = match fields.get(Key::Event) {
        Value::Text(event) => match &**event {
            "trade" => Kind::Trade,
            "aggTrade" => Kind::AggregateTrade,
            "depthUpdate" if fields.is_other_depth() => Kind::Ticker,
            "depthUpdate" => Kind::Diff,
            event if TICKERS.contains(&event) => Kind::Ticker,
            event => {
                return Err(Violations::one("message.e", event, "is no event type known at this venue"));
            }
        },
        Value::Missing if fields.is_empty_batch() && matches!(fields.get(Key::Stream), Value::Text(_)) => {
            Kind::Ticker
        }
        Value::Missing => untyped(fields)?,
        other => return Err(Violations::one("message.e", other.shown(), "must be text")),
    };
    match kind {
        Kind::Ticker if fields.is_batch() => Ok(Kind::Ignored("tickers of several instruments")),
        _ if fields.is_batch() => Err(Violations::one("message", "array", "must be a single event")),
        kind => Ok(kind),
    }
}

fn untyped(fields: &Fields<'_>) -> Result<Kind, Violations> {
    let has = |key| !matches!(fields.get(key), Value::Missing);
    if has(Key::Code) || has(Key::Error) {
        let (code, text) = (fields.get(Key::Code).shown(), fields.get(Key::ErrorText).shown());
        return Err(Violations::one(
            "message",
            format!("{code} {text}"),
            "is an error the venue answered with",
        ));
    }
    if has(Key::BookUpdate) {
        return Ok(if fields.is_other_depth() { Kind::Ticker } else { Kind::Snapshot });
    }
    if matches!(fields.get(Key::Result), Value::Null | Value::Levels(_)) {
        return Ok(Kind::Ignored("answer to a subscription"));
    }
    // Spot sends best prices without an event type.
    let scalar = |key| matches!(fields.get(key), Value::Text(_));
    if has(Key::LastUpdate) && scalar(Key::Bids) && scalar(Key::Asks) {
        return Ok(Kind::Ticker);
    }
    Err(Violations::one("message", "", "is of no kind known at this venue"))
}
