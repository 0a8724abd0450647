//! What a venue says of its instruments: `exchangeInfo`.

use std::collections::HashMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::instrument::{Instrument, Market};
use serde::Deserialize;

use super::error::LiveError;
use super::rest::Rest;
use super::venue::venue;
use crate::binance::{EXCHANGE, SymbolMap, instrument_of};

/// What is said of an instrument that can be collected.
const TRADING: &str = "TRADING";
/// Names that are shown to somebody who mistyped one.
const SHOWN: usize = 3;
/// From where on two names are alike: a letter or two apart.
const LIKE: f64 = 0.85;

/// An instrument as its venue lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentInfo {
    /// Which instrument.
    pub instrument: Instrument,
    /// Its name at the venue.
    pub native: String,
    /// What the venue says of it, such as `TRADING` or `BREAK`.
    pub status: String,
    /// Smallest step of its price, where the venue gives one.
    pub tick: Option<Price>,
    /// Smallest step of a size, where the venue gives one.
    pub step: Option<Quantity>,
}

#[derive(Debug, Deserialize)]
struct Listing {
    symbols: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    symbol: String,
    status: Option<String>,
    /// COIN-M names the status so.
    contract_status: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default)]
    filter_type: String,
    tick_size: Option<String>,
    step_size: Option<String>,
}

impl Listed {
    fn status(&self) -> &str {
        self.status.as_deref().or(self.contract_status.as_deref()).unwrap_or("unknown")
    }

    fn info(&self, instrument: Instrument) -> InstrumentInfo {
        let filter = |kind: &str| self.filters.iter().find(|filter| filter.filter_type == kind);
        let tick = filter("PRICE_FILTER").and_then(|filter| filter.tick_size.as_deref());
        let step = filter("LOT_SIZE").and_then(|filter| filter.step_size.as_deref());
        InstrumentInfo {
            instrument,
            native: self.symbol.clone(),
            status: self.status().to_owned(),
            tick: tick.and_then(|tick| Price::parse("tick", tick).ok()),
            step: step.and_then(|step| Quantity::parse("step", step).ok()),
        }
    }
}

/// Asks the venue for its instruments and gives those that are wanted, in their order, each once.
///
/// # Errors
/// For the first that is not listed or not trading, and where the venue cannot be asked within `patience`.
pub(super) async fn look_up(
    rest: &Rest,
    market: Market,
    wanted: &[Instrument],
    patience: Duration,
) -> Result<Vec<InstrumentInfo>, LiveError> {
    let venue = venue(market);
    // The sets of permissions would be most of the answer.
    let query = if market == Market::Spot { "?showPermissionSets=false" } else { "" };
    let path = format!("{}/exchangeInfo{query}", venue.api);
    let ask = || rest.get_json::<Listing>(&path, venue.instruments_weight);
    let pauses =
        ExponentialBuilder::default().without_max_times().with_total_delay(Some(patience)).with_jitter();
    let listing = ask
        .retry(pauses)
        .sleep(tokio::time::sleep)
        .when(|error| is_worth_waiting_for(error, patience))
        .await?;
    select(&listing.symbols, market, wanted)
}

fn is_worth_waiting_for(error: &LiveError, patience: Duration) -> bool {
    match error {
        LiveError::Limited { retry_after, .. } => *retry_after <= patience,
        error => error.is_retryable(),
    }
}

fn select(
    listed: &[Listed],
    market: Market,
    wanted: &[Instrument],
) -> Result<Vec<InstrumentInfo>, LiveError> {
    let symbols = SymbolMap::default();
    // Names that are none of ours, such as those in other alphabets, cannot be asked for either.
    let instrument = |listed: &Listed| instrument_of(market, &symbols, &listed.symbol).ok();
    let known: HashMap<Instrument, &Listed> =
        listed.iter().filter_map(|listed| Some((instrument(listed)?, listed))).collect();
    let mut found: Vec<InstrumentInfo> = Vec::with_capacity(wanted.len());
    for instrument in wanted {
        let Some(listed) = known.get(instrument) else {
            let similar = similar(instrument, known.keys());
            return Err(LiveError::Unknown { instrument: instrument.clone(), market, similar });
        };
        if listed.status() != TRADING {
            let status = listed.status().to_owned();
            return Err(LiveError::NotTrading { instrument: instrument.clone(), market, status });
        }
        if found.iter().all(|found| found.instrument != *instrument) {
            found.push(listed.info(instrument.clone()));
        }
    }
    Ok(found)
}

/// The names most like one that is not listed.
fn similar<'a>(instrument: &Instrument, known: impl Iterator<Item = &'a Instrument>) -> Vec<Instrument> {
    let wanted = instrument.symbol().as_str();
    let like = |known: &'a Instrument| (strsim::jaro_winkler(wanted, known.symbol().as_str()), known);
    let mut alike: Vec<_> = known.map(like).filter(|(likeness, _)| *likeness > LIKE).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    alike.into_iter().take(SHOWN).map(|(_, instrument)| instrument.clone()).collect()
}

/// Whether an instrument is of a market, by the form of its symbol: `A/B`, `A/B:B`, or `A/B:A`.
pub(super) fn is_of(instrument: &Instrument, market: Market) -> bool {
    market_of(instrument) == Some(market)
}

/// The market of an instrument of this venue, by the form of its symbol.
pub fn market_of(instrument: &Instrument) -> Option<Market> {
    if instrument.exchange().as_str() != EXCHANGE {
        return None;
    }
    let (pair, settled) = match instrument.symbol().as_str().split_once(':') {
        None => return Some(Market::Spot),
        Some((pair, settled)) => (pair, settled.split('-').next().unwrap_or(settled)),
    };
    let (base, quote) = pair.split_once('/')?;
    match settled {
        settled if settled == quote => Some(Market::Usdm),
        settled if settled == base => Some(Market::Coinm),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: &str = r#"{"symbols":[
        {"symbol":"ETHUSDT","status":"TRADING","baseAsset":"ETH","quoteAsset":"USDT","filters":[
            {"filterType":"PRICE_FILTER","minPrice":"0.01","tickSize":"0.01000000"},
            {"filterType":"LOT_SIZE","stepSize":"0.00010000"},{"filterType":"ICEBERG_PARTS","limit":10}]},
        {"symbol":"ETHUSDC","status":"TRADING","filters":[]},
        {"symbol":"LUNAUSDT","status":"BREAK","filters":[]},
        {"symbol":"币安人生USDT","status":"TRADING","filters":[]}]}"#;

    fn instrument(text: &str) -> Instrument {
        text.parse().expect("an instrument")
    }

    fn selected(wanted: &[&str]) -> Result<Vec<InstrumentInfo>, LiveError> {
        let listing: Listing = serde_json::from_str(SPOT).expect("a listing");
        let wanted: Vec<Instrument> = wanted.iter().map(|wanted| instrument(wanted)).collect();
        select(&listing.symbols, Market::Spot, &wanted)
    }

    #[test]
    fn what_is_wanted_is_found_once_with_its_steps() {
        let found = selected(&["binance:ETH/USDT", "binance:ETH/USDC", "binance:ETH/USDT"]).expect("found");
        assert_eq!(found.iter().map(|info| &*info.native).collect::<Vec<_>>(), ["ETHUSDT", "ETHUSDC"]);
        assert_eq!(found[0].tick.map(|tick| tick.to_string()).as_deref(), Some("0.01"));
        assert_eq!(found[0].step.map(|step| step.to_string()).as_deref(), Some("0.0001"));
        assert_eq!((found[1].tick, found[1].step), (None, None));
    }

    #[test]
    fn what_is_not_listed_or_not_trading_is_refused_by_name() {
        match selected(&["binance:ETH/USDT", "binance:ETH/USTD"]).expect_err("refused") {
            LiveError::Unknown { similar, .. } => {
                let names: Vec<String> = similar.iter().map(ToString::to_string).collect();
                assert_eq!(names, ["binance:ETH/USDT", "binance:ETH/USDC"]);
            }
            error => panic!("{error:?}"),
        }
        let error = selected(&["binance:LUNA/USDT"]).expect_err("refused");
        assert_eq!(error.to_string(), "binance:LUNA/USDT is not trading at spot: its status is BREAK");
    }

    #[test]
    fn coin_margined_contracts_name_their_status_otherwise() {
        let listing = r#"{"symbols":[{"symbol":"ETHUSD_PERP","contractStatus":"TRADING"}]}"#;
        let listing: Listing = serde_json::from_str(listing).expect("a listing");
        let found = select(&listing.symbols, Market::Coinm, &[instrument("binance:ETH/USD:ETH")]);
        assert_eq!(found.expect("found")[0].native, "ETHUSD_PERP");
    }

    #[test]
    fn the_market_is_told_by_the_form_of_the_symbol() {
        for (name, market) in [
            ("binance:ETH/USDT", Some(Market::Spot)),
            ("binance:BTC/USDT:USDT", Some(Market::Usdm)),
            ("binance:BTC/USDT:USDT-241227", Some(Market::Usdm)),
            ("binance:ETH/USD:ETH", Some(Market::Coinm)),
            ("binance:ETH/USD:BTC", None),
            ("coinbase:ETH/USD", None),
        ] {
            assert_eq!(market_of(&instrument(name)), market, "{name}");
        }
    }
}
