//! The REST side: books, instruments, history, and the venue's ways of saying no.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Response, StatusCode};
use onetape_domain::instrument::Market;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::trade::{AggregateIds, Side, TradeEvent};
use onetape_ports::WallClock as _;
use onetape_testkit::generator::{Rng, binance};
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::limits::{Verdict, depth_weight, weight_limit};
use crate::script::{Script, Sent, numeric_id, parts};
use crate::venue::Venue;

/// How old a snapshot out of date is.
const STALE: i64 = 10 * SECOND;

pub(crate) type Answer = Response<Full<Bytes>>;

type Query = HashMap<String, String>;

/// A request that is not served, as the venue words it.
struct No(StatusCode, i64, &'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Time,
    ExchangeInfo,
    Depth,
    AggregateTrades,
    HistoricalTrades,
}

impl Endpoint {
    fn of(market: Market, path: &str) -> Option<Self> {
        let prefix = match market {
            Market::Spot => "/api/v3/",
            Market::Usdm => "/fapi/v1/",
            Market::Coinm => "/dapi/v1/",
        };
        Some(match path.strip_prefix(prefix)? {
            "time" => Self::Time,
            "exchangeInfo" => Self::ExchangeInfo,
            "depth" => Self::Depth,
            "aggTrades" => Self::AggregateTrades,
            "historicalTrades" => Self::HistoricalTrades,
            _ => return None,
        })
    }

    fn weight(self, market: Market, query: &Query) -> u32 {
        match (self, market) {
            (Self::Time, _) => 1,
            (Self::ExchangeInfo, Market::Spot) => 20,
            (Self::ExchangeInfo, _) => 1,
            (Self::Depth, _) => depth_weight(market, depth_limit(market, query)),
            (Self::AggregateTrades, Market::Spot) => 4,
            (Self::HistoricalTrades, Market::Spot) => 25,
            (Self::AggregateTrades | Self::HistoricalTrades, _) => 20,
        }
    }

    fn counted_as(self) -> &'static str {
        match self {
            Self::Time => "requests for the time",
            Self::ExchangeInfo => "requests for instruments",
            Self::Depth => "requests for books",
            Self::AggregateTrades => "requests for aggregate trades",
            Self::HistoricalTrades => "requests for single trades",
        }
    }
}

/// Answers a request.
pub(crate) fn answer(venue: &Venue, method: &Method, path: &str, query: &str, headers: &HeaderMap) -> Answer {
    let market = venue.market;
    let Some(endpoint) = Endpoint::of(market, path).filter(|_| method == Method::GET) else {
        return refusal(&No(StatusCode::NOT_FOUND, -1, "no such endpoint here"));
    };
    venue.shared.counters.served(endpoint.counted_as());
    let query: Query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let used = match venue.limits.lock().request(endpoint.weight(market, &query)) {
        Verdict::Served(used) => used,
        Verdict::TooMany(seconds) => {
            let limit = weight_limit(market);
            venue.shared.counters.breach(format!("more than {limit} request weight in a minute"));
            return too_many(StatusCode::TOO_MANY_REQUESTS, seconds);
        }
        Verdict::Banned(seconds) => return too_many(StatusCode::IM_A_TEAPOT, seconds),
    };
    let fates = Fates::next(venue);
    if let Some(refused) = fates.refused(venue) {
        return refused;
    }
    let answered = match endpoint {
        Endpoint::Time => Ok(json!({ "serverTime": binance::millis(venue.shared.clock.now()) }).to_string()),
        Endpoint::ExchangeInfo => exchange_info(venue, &query),
        Endpoint::Depth => depth(venue, &query, &fates),
        Endpoint::AggregateTrades => aggregate_trades(venue, &query),
        Endpoint::HistoricalTrades => historical_trades(venue, &query, headers),
    };
    match answered {
        Ok(text) => respond(StatusCode::OK, text, Some(("x-mbx-used-weight-1m", u64::from(used)))),
        Err(no) => refusal(&no),
    }
}

/// What goes wrong with one request; it follows from the seed and the request's number.
struct Fates {
    rate_limited: bool,
    server_error: bool,
    stale: bool,
    status: i64,
}

impl Fates {
    fn next(venue: &Venue) -> Self {
        let number = venue.requests.fetch_add(1, Ordering::Relaxed);
        let faults = &venue.faults;
        let mut rng = Rng::new(Rng::new(faults.seed).next_u64() ^ number);
        Self {
            rate_limited: rng.per_mille(faults.rate_limited),
            server_error: rng.per_mille(faults.server_errors),
            stale: rng.per_mille(faults.stale_snapshots),
            status: rng.between(0, 3),
        }
    }

    fn refused(&self, venue: &Venue) -> Option<Answer> {
        if self.rate_limited {
            venue.shared.counters.injected(Fault::RateLimited);
            return Some(too_many(StatusCode::TOO_MANY_REQUESTS, 1));
        }
        if !self.server_error {
            return None;
        }
        venue.shared.counters.injected(Fault::ServerError);
        let status = match self.status {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            1 => StatusCode::BAD_GATEWAY,
            2 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::GATEWAY_TIMEOUT,
        };
        Some(respond(status, "<html><body>the server had a fault</body></html>".to_owned(), None))
    }
}

fn exchange_info(venue: &Venue, query: &Query) -> Result<String, No> {
    let wanted: Option<Vec<String>> = match (query.get("symbol"), query.get("symbols")) {
        (Some(symbol), _) => Some(vec![symbol.clone()]),
        (None, Some(list)) => Some(serde_json::from_str(list).map_err(|_| ILLEGAL_PARAMETER)?),
        (None, None) => None,
    };
    let scripts: Vec<&Script> = match wanted {
        None => venue.scripts.iter().collect(),
        Some(names) => {
            let found: Option<Vec<&Script>> = names.iter().map(|name| venue.script(name)).collect();
            found.ok_or(INVALID_SYMBOL)?
        }
    };
    let symbols: Vec<Value> = scripts.into_iter().map(instrument_info).collect();
    let info = json!({
        "timezone": "UTC",
        "serverTime": binance::millis(venue.shared.clock.now()),
        "rateLimits": [{
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": weight_limit(venue.market),
        }],
        "exchangeFilters": [],
        "symbols": symbols,
    });
    Ok(info.to_string())
}

fn instrument_info(script: &Script) -> Value {
    let market = script.market();
    let (base, quote, settle) = parts(script.instrument());
    let (tick, step) = script.steps();
    let number = |value| binance::number(market, value);
    let filters = json!([
        { "filterType": "PRICE_FILTER", "minPrice": number(tick), "maxPrice": "1000000", "tickSize": number(tick) },
        { "filterType": "LOT_SIZE", "minQty": number(step), "maxQty": "1000000", "stepSize": number(step) },
    ]);
    let mut info = json!({
        "symbol": script.native(),
        "baseAsset": base,
        "quoteAsset": quote,
        "filters": filters,
    });
    let status = if market == Market::Coinm { "contractStatus" } else { "status" };
    info[status] = json!("TRADING");
    if market != Market::Spot {
        let is_perpetual = settle.is_some_and(|settle| !settle.contains('-'));
        info["contractType"] = json!(if is_perpetual { "PERPETUAL" } else { "CURRENT_QUARTER" });
        info["pair"] = json!(format!("{base}{quote}"));
        info["marginAsset"] = json!(settle.and_then(|settle| settle.split('-').next()));
    }
    info
}

fn depth_limit(market: Market, query: &Query) -> usize {
    let standard = if market == Market::Spot { 100 } else { 500 };
    let most = if market == Market::Spot { 5_000 } else { 1_000 };
    query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(standard).min(most)
}

fn depth(venue: &Venue, query: &Query, fates: &Fates) -> Result<String, No> {
    let script = script_of(venue, query)?;
    let now = venue.shared.clock.now();
    let limit = depth_limit(venue.market, query);
    if fates.stale {
        venue.shared.counters.injected(Fault::StaleSnapshot);
    }
    let shown = if fates.stale { now.plus(-STALE) } else { now };
    let book = script.book_when(shown).ok_or(INVALID_SYMBOL)?;
    let levels = |side| binance::levels(venue.market, side);
    let (bids, asks) = (levels(&book.bids(limit)), levels(&book.asks(limit)));
    let mut head = format!("\"lastUpdateId\":{}", book.last_update());
    if venue.market != Market::Spot {
        let millis = binance::millis(now);
        head.push_str(&format!(",\"E\":{millis},\"T\":{millis}"));
    }
    if venue.market == Market::Coinm {
        let pair = script.native().split('_').next().unwrap_or_default();
        head.push_str(&format!(",\"symbol\":\"{}\",\"pair\":\"{pair}\"", script.native()));
    }
    Ok(format!("{{{head},\"bids\":{bids},\"asks\":{asks}}}"))
}

fn aggregate_trades(venue: &Venue, query: &Query) -> Result<String, No> {
    let script = script_of(venue, query)?;
    let page = page(venue, query, script.aggregates(), 500, 1_000)?;
    let rows = page.iter().map(|sent| {
        let event = &sent.what;
        let id = numeric_id(event);
        let ids = event.aggregate().unwrap_or(AggregateIds { first: id, last: id });
        let mut row = json!({
            "a": id,
            "p": binance::number(venue.market, event.price().get()),
            "q": binance::number(venue.market, event.size().get()),
            "f": ids.first,
            "l": ids.last,
            "T": binance::millis(event.event_time()),
            "m": event.side() == Side::Sell,
        });
        if venue.market == Market::Spot {
            row["M"] = json!(true);
        }
        row
    });
    Ok(Value::Array(rows.collect()).to_string())
}

fn historical_trades(venue: &Venue, query: &Query, headers: &HeaderMap) -> Result<String, No> {
    if venue.market != Market::Spot && !headers.contains_key("x-mbx-apikey") {
        return Err(No(StatusCode::UNAUTHORIZED, -2014, "API-key format invalid."));
    }
    let script = script_of(venue, query)?;
    let (standard, most) = if venue.market == Market::Spot { (500, 1_000) } else { (100, 500) };
    let rows = page(venue, query, script.trades(), standard, most)?.iter().map(|sent| {
        let event = &sent.what;
        let (price, size) = (event.price().get(), event.size().get());
        let (volume, value) = match venue.market {
            Market::Coinm => ("baseQty", size.checked_div(price)),
            _ => ("quoteQty", size.checked_mul(price)),
        };
        let mut row = json!({
            "id": numeric_id(event),
            "price": binance::number(venue.market, price),
            "qty": binance::number(venue.market, size),
            "time": binance::millis(event.event_time()),
            "isBuyerMaker": event.side() == Side::Sell,
        });
        row[volume] = json!(binance::number(venue.market, value.unwrap_or_default()));
        if venue.market == Market::Spot {
            row["isBestMatch"] = json!(true);
        }
        row
    });
    Ok(Value::Array(rows.collect()).to_string())
}

/// The trades that a query asks for: from an id on, in a range of time, or the last ones; what lies ahead of the
/// market's time is not known to anybody yet.
fn page<'a>(
    venue: &Venue,
    query: &Query,
    trades: &'a [Sent<TradeEvent>],
    standard: usize,
    most: usize,
) -> Result<&'a [Sent<TradeEvent>], No> {
    let number = |name: &str| match query.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| ILLEGAL_PARAMETER),
    };
    let limit = match number("limit")? {
        None => standard,
        Some(limit) => usize::try_from(limit).map_err(|_| ILLEGAL_PARAMETER)?.min(most),
    };
    let now = venue.shared.clock.now();
    let known = &trades[..trades.partition_point(|sent| sent.at <= now)];
    let time = |millis: i64| Timestamp::from_micros(millis.saturating_mul(1_000));
    let begin = match (number("fromId")?, number("startTime")?) {
        (Some(first), _) => known.partition_point(|sent| numeric_id(&sent.what) < first),
        (None, Some(start)) => known.partition_point(|sent| sent.what.event_time() < time(start)),
        (None, None) => known.len().saturating_sub(limit),
    };
    let known = match number("endTime")? {
        None => known,
        Some(end) => &known[..known.partition_point(|sent| sent.what.event_time() <= time(end)).max(begin)],
    };
    Ok(&known[begin..known.len().min(begin + limit)])
}

fn script_of<'a>(venue: &'a Venue, query: &Query) -> Result<&'a Script, No> {
    let name = query.get("symbol").ok_or(MISSING_SYMBOL)?;
    venue.script(name).ok_or(INVALID_SYMBOL)
}

const INVALID_SYMBOL: No = No(StatusCode::BAD_REQUEST, -1121, "Invalid symbol.");
const MISSING_SYMBOL: No = No(
    StatusCode::BAD_REQUEST,
    -1102,
    "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
);
const ILLEGAL_PARAMETER: No = No(StatusCode::BAD_REQUEST, -1100, "Illegal characters found in a parameter.");

fn refusal(no: &No) -> Answer {
    respond(no.0, json!({ "code": no.1, "msg": no.2 }).to_string(), None)
}

fn too_many(status: StatusCode, seconds: u64) -> Answer {
    let text =
        json!({ "code": -1003, "msg": "Too many requests; please use the websocket for live updates." });
    respond(status, text.to_string(), Some(("retry-after", seconds)))
}

fn respond(status: StatusCode, text: String, header: Option<(&'static str, u64)>) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("application/json;charset=UTF-8"));
    if let Some((name, value)) = header {
        headers.insert(name, value.into());
    }
    response
}
