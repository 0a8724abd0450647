//! Past trades over REST, by their ids.
//!
//! Single trades come from `historicalTrades`, aggregate ones from `aggTrades`, whose ids are those of the streams. Futures
//! want a key for single trades and have those of the last three months. For spot a key is sent where there is one; aggregate
//! trades are anybody's.

use std::collections::HashMap;
use std::fmt;

use async_trait::async_trait;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::instrument::{Instrument, Market};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Side, TradeEvent, TradeId, TradeKind};
use onetape_domain::violation::Violations;
use onetape_ports::{HistoryError, HistoryErrorKind, HistorySource, TradeHistory, TradePage};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::{LiveConfig, Trades};
use super::error::LiveError;
use super::limits::Window;
use super::metadata::market_of;
use super::net::Server;
use super::rest::{ApiKey, Rest};
use super::venue::{AGGREGATES_PAGE, Venue, WEIGHT_PERIOD, venue};
use crate::binance::{native_of, rules};

/// The venue's past trades, of the markets that are collected and of the kind that is collected there.
#[derive(Debug)]
pub struct BinanceHistory(HashMap<Market, Past>);

#[derive(Debug)]
struct Past {
    rest: Rest,
    trades: Trades,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Single {
    id: i64,
    price: String,
    qty: String,
    time: i64,
    is_buyer_maker: bool,
}

#[derive(Debug, Deserialize)]
struct Aggregate {
    a: i64,
    p: String,
    q: String,
    f: i64,
    l: i64,
    #[serde(rename = "T")]
    time: i64,
    m: bool,
}

impl Single {
    fn event(self) -> Result<TradeEvent, Violations> {
        event(self.id, &self.price, &self.qty, self.time, self.is_buyer_maker, None)
    }
}

impl Aggregate {
    fn event(self) -> Result<TradeEvent, Violations> {
        let ids = AggregateIds { first: self.f, last: self.l };
        event(self.a, &self.p, &self.q, self.time, self.m, Some(ids))
    }
}

fn event(
    id: i64,
    price: &str,
    size: &str,
    time: i64,
    buyer_rested: bool,
    ids: Option<AggregateIds>,
) -> Result<TradeEvent, Violations> {
    let time = Timestamp::try_from_millis("trade.event_time", time)?;
    let (price, size) = (Price::parse("trade.price", price)?, Quantity::parse("trade.size", size)?);
    let side = if buyer_rested { Side::Sell } else { Side::Buy };
    TradeEvent::try_new(time, TradeId::Numeric(id), price, size, side, ids)
}

impl BinanceHistory {
    /// Of these markets; the key is sent where one is wanted.
    ///
    /// # Errors
    /// For an address that is none.
    pub fn new(markets: &[LiveConfig], key: Option<&ApiKey>) -> Result<Self, LiveError> {
        let past = |config: &LiveConfig| {
            let server = Server::parse(&config.rest, "http", "https")?;
            // The other half is the feed's.
            let weights = Window::new(venue(config.market).weight / 2, WEIGHT_PERIOD);
            let rest = Rest::new(server, weights, config.timing.connect);
            let rest = rest.with_key(key.filter(|_| config.trades == Trades::Single).cloned());
            Ok((config.market, Past { rest, trades: config.trades }))
        };
        markets.iter().map(past).collect::<Result<_, _>>().map(Self)
    }

    fn of(&self, instrument: &Instrument) -> Option<(Market, &Past)> {
        let market = market_of(instrument)?;
        Some((market, self.0.get(&market)?))
    }
}

impl Past {
    async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        weight: u32,
        event: fn(T) -> Result<TradeEvent, Violations>,
    ) -> Result<TradePage, HistoryError> {
        let answer = self.rest.get_json_now::<Vec<T>>(path, weight).await.map_err(|retry_after| {
            let kind = HistoryErrorKind::Limited { retry_after };
            HistoryError::new(kind, "the weight for past trades is used up")
        })?;
        let trades = answer.map_err(history_error)?.into_iter().map(event).collect::<Result<_, _>>();
        let trades = trades.map_err(|violations| {
            HistoryError::new(HistoryErrorKind::Response, format!("a trade of {path} breaks a rule"))
                .with_source(violations)
        })?;
        Ok(TradePage { trades, oldest: None })
    }
}

/// The venue, and the most that a page may hold.
fn most(venue: &Venue, trades: Trades) -> usize {
    match trades {
        Trades::Single => venue.trades_page,
        Trades::Aggregate => AGGREGATES_PAGE,
    }
}

fn history_error(error: LiveError) -> HistoryError {
    let kind = match &error {
        LiveError::Limited { retry_after, .. } => HistoryErrorKind::Limited { retry_after: *retry_after },
        LiveError::Status { status: 401 | 403, .. } => HistoryErrorKind::Permission,
        LiveError::Answer { .. } => HistoryErrorKind::Response,
        error if error.is_retryable() => HistoryErrorKind::Connection,
        _ => HistoryErrorKind::Refused,
    };
    HistoryError::new(kind, "the venue did not give them").with_source(error)
}

#[async_trait]
impl TradeHistory for BinanceHistory {
    fn source(&self, instrument: &Instrument) -> Option<HistorySource> {
        let (market, past) = self.of(instrument)?;
        native_of(instrument, market)?;
        let single = past.trades == Trades::Single;
        Some(HistorySource {
            kind: if single { TradeKind::Single } else { TradeKind::Aggregate },
            rules: rules(market),
            max_page: most(&venue(market), past.trades),
            // Ids of liquidations and the like are left out there; aggregate trades have ids of their own.
            omits_void_ids: single && market != Market::Spot,
        })
    }

    async fn trades_from(
        &self,
        instrument: &Instrument,
        first_id: i64,
        limit: usize,
    ) -> Result<TradePage, HistoryError> {
        let known = self
            .of(instrument)
            .and_then(|(market, past)| Some((market, past, native_of(instrument, market)?)));
        let Some((market, past, native)) = known else {
            let message = format!("{instrument} is of no market that is asked here");
            return Err(HistoryError::new(HistoryErrorKind::Refused, message));
        };
        let venue = venue(market);
        let limit = limit.clamp(1, most(&venue, past.trades));
        let query = format!("?symbol={native}&fromId={first_id}&limit={limit}");
        let (single, aggregate) = venue.trades_weights;
        match past.trades {
            Trades::Single => {
                let path = format!("{}/historicalTrades{query}", venue.api);
                past.page(&path, single, Single::event).await
            }
            Trades::Aggregate => {
                let path = format!("{}/aggTrades{query}", venue.api);
                past.page(&path, aggregate, Aggregate::event).await
            }
        }
    }
}

impl fmt::Display for BinanceHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("past trades of binance")
    }
}
