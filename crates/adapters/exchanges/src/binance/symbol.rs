//! Native names and the instruments they stand for.

use std::collections::HashMap;
use std::sync::Arc;

pub use onetape_domain::instrument::QUOTES;
use onetape_domain::instrument::{Instrument, Market, Symbol, split_native};
use onetape_domain::violation::Violations;

/// The venue's name, the same for its three markets: the symbol's form tells them apart.
pub const EXCHANGE: &str = "binance";

/// Most instruments one parser tells apart.
pub const MAX_INSTRUMENTS: usize = 10_000;

/// Names the split would get wrong.
const EXCEPTIONS: [(&str, &str); 3] =
    [("BTCAEUR", "BTC/AEUR"), ("ETHAEUR", "ETH/AEUR"), ("EURAEUR", "EUR/AEUR")];

/// Names given by the configuration; they go before what the venue's rules say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SymbolMap(HashMap<(Market, String), Symbol>);

impl SymbolMap {
    /// Says what a native name of a market stands for.
    pub fn insert(&mut self, market: Market, native: impl Into<String>, symbol: Symbol) {
        self.0.insert((market, native.into()), symbol);
    }
}

impl FromIterator<(Market, String, Symbol)> for SymbolMap {
    fn from_iter<I: IntoIterator<Item = (Market, String, Symbol)>>(names: I) -> Self {
        Self(names.into_iter().map(|(market, native, symbol)| ((market, native), symbol)).collect())
    }
}

/// Instruments by native name, each worked out once.
#[derive(Debug)]
pub(super) struct Instruments {
    market: Market,
    symbols: SymbolMap,
    known: HashMap<Arc<str>, Instrument>,
    /// The last one asked for: most recordings have one instrument, or runs of one.
    last: Option<(Arc<str>, Instrument)>,
}

impl Instruments {
    pub(super) fn new(market: Market, symbols: SymbolMap) -> Self {
        Self { market, symbols, known: HashMap::new(), last: None }
    }

    /// The instrument a native name stands for.
    ///
    /// # Errors
    /// A violation for a name that cannot be split.
    pub(super) fn resolve(&mut self, native: &str) -> Result<Instrument, Violations> {
        if let Some((name, instrument)) = &self.last
            && **name == *native
        {
            return Ok(instrument.clone());
        }
        let (name, instrument) = match self.known.get_key_value(native) {
            Some((name, instrument)) => (Arc::clone(name), instrument.clone()),
            None => {
                if self.known.len() == MAX_INSTRUMENTS {
                    let reason =
                        format!("is one more than the {MAX_INSTRUMENTS} instruments a feed may have");
                    return Err(Violations::one("symbol", native, reason));
                }
                let name: Arc<str> = native.into();
                let instrument = self.work_out(native)?;
                self.known.insert(Arc::clone(&name), instrument.clone());
                (name, instrument)
            }
        };
        self.last = Some((name, instrument.clone()));
        Ok(instrument)
    }

    fn work_out(&self, native: &str) -> Result<Instrument, Violations> {
        instrument_of(self.market, &self.symbols, native)
    }
}

/// The instrument a native name of a market stands for.
///
/// # Errors
/// A violation for a name that cannot be split.
pub(crate) fn instrument_of(
    market: Market,
    symbols: &SymbolMap,
    native: &str,
) -> Result<Instrument, Violations> {
    if let Some(symbol) = symbols.0.get(&(market, native.to_owned())) {
        return Instrument::try_new(EXCHANGE, symbol.as_str());
    }
    Instrument::try_new(EXCHANGE, &unified(market, native)?)
}

/// The native name that stands for an instrument of a market by the venue's rules; none for one of another form.
#[cfg(feature = "live")]
pub(crate) fn native_of(instrument: &Instrument, market: Market) -> Option<String> {
    let (pair, rest) =
        instrument.symbol().as_str().split_once(':').unwrap_or((instrument.symbol().as_str(), ""));
    let delivery = rest.split_once('-').map(|(_, date)| date);
    let name = pair.replace('/', "");
    let native = match (market, delivery) {
        (_, Some(date)) => format!("{name}_{date}"),
        (Market::Coinm, None) => format!("{name}_PERP"),
        (Market::Spot | Market::Usdm, None) => name,
    };
    let found = instrument_of(market, &SymbolMap::default(), &native).ok()?;
    (found == *instrument).then_some(native)
}

fn unified(market: Market, native: &str) -> Result<String, Violations> {
    match market {
        Market::Spot => {
            if let Some((_, symbol)) = EXCEPTIONS.iter().find(|(name, _)| *name == native) {
                return Ok((*symbol).to_owned());
            }
            let (base, quote) = split_native(native, &QUOTES)?;
            Ok(format!("{base}/{quote}"))
        }
        Market::Usdm => {
            let (pair, delivery) =
                native.split_once('_').map_or((native, None), |(pair, date)| (pair, Some(date)));
            let (base, quote) = split_native(pair, &QUOTES)?;
            match delivery {
                None => Ok(format!("{base}/{quote}:{quote}")),
                Some(date) => Ok(format!("{base}/{quote}:{quote}-{}", delivery_date(native, date)?)),
            }
        }
        Market::Coinm => {
            let wrong =
                || Violations::one("symbol", native, "must end with _PERP or a delivery date at this market");
            let (pair, contract) = native.split_once('_').ok_or_else(wrong)?;
            let (base, quote) = split_native(pair, &["USD"])?;
            match contract {
                "PERP" => Ok(format!("{base}/{quote}:{base}")),
                date => Ok(format!("{base}/{quote}:{base}-{}", delivery_date(native, date)?)),
            }
        }
    }
}

fn delivery_date<'a>(native: &str, date: &'a str) -> Result<&'a str, Violations> {
    let part = |range| date.get(range).and_then(|digits: &str| digits.parse::<u8>().ok());
    let is_date = date.len() == 6
        && date.bytes().all(|b| b.is_ascii_digit())
        && part(2..4).is_some_and(|month| (1..=12).contains(&month))
        && part(4..6).is_some_and(|day| (1..=31).contains(&day));
    if is_date {
        Ok(date)
    } else {
        Err(Violations::one("symbol", native, "must end with a delivery date YYMMDD"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(market: Market, native: &str) -> Result<String, Violations> {
        Instruments::new(market, SymbolMap::default()).resolve(native).map(|i| i.to_string())
    }

    #[test]
    fn native_names_take_the_unified_form() {
        let cases = [
            (Market::Spot, "ETHUSDT", "binance:ETH/USDT"),
            (Market::Spot, "BTCFDUSD", "binance:BTC/FDUSD"),
            (Market::Spot, "ADAEUR", "binance:ADA/EUR"),
            (Market::Spot, "BTCAEUR", "binance:BTC/AEUR"),
            (Market::Spot, "USDTTRY", "binance:USDT/TRY"),
            (Market::Spot, "1000SATSUSDT", "binance:1000SATS/USDT"),
            (Market::Usdm, "BTCUSDT", "binance:BTC/USDT:USDT"),
            (Market::Usdm, "ETHBTC", "binance:ETH/BTC:BTC"),
            (Market::Usdm, "BTCUSDT_241227", "binance:BTC/USDT:USDT-241227"),
            (Market::Coinm, "ETHUSD_PERP", "binance:ETH/USD:ETH"),
            (Market::Coinm, "BTCUSD_241227", "binance:BTC/USD:BTC-241227"),
        ];
        for (market, native, unified) in cases {
            assert_eq!(name(market, native).as_deref(), Ok(unified), "{market} {native}");
        }
    }

    #[cfg(feature = "live")]
    #[test]
    fn the_unified_form_gives_the_native_name_back() {
        for (market, native) in [
            (Market::Spot, "ETHUSDT"),
            (Market::Spot, "BTCAEUR"),
            (Market::Usdm, "BTCUSDT"),
            (Market::Usdm, "BTCUSDT_241227"),
            (Market::Coinm, "ETHUSD_PERP"),
            (Market::Coinm, "BTCUSD_241227"),
        ] {
            let instrument = instrument_of(market, &SymbolMap::default(), native).expect("an instrument");
            assert_eq!(native_of(&instrument, market).as_deref(), Some(native), "{market}");
        }
    }

    #[test]
    fn names_that_cannot_be_split_are_refused() {
        let cases = [
            (Market::Spot, "FOOBAR"),
            (Market::Spot, "USDT"),
            (Market::Spot, "ethusdt"),
            (Market::Spot, ""),
            (Market::Usdm, "BTCUSDT_PERP"),
            (Market::Usdm, "BTCUSDT_241327"),
            (Market::Usdm, "BTCUSDT_24122é"),
            (Market::Coinm, "ETHUSD"),
            (Market::Coinm, "ETHUSDT_PERP"),
        ];
        for (market, native) in cases {
            assert!(name(market, native).is_err(), "{market} {native}");
        }
    }

    #[test]
    fn the_configured_name_goes_first() {
        let symbol = Symbol::try_new("FOO/BAR").expect("a symbol");
        let map = SymbolMap::from_iter([(Market::Spot, "FOOBAR".to_owned(), symbol)]);
        let mut instruments = Instruments::new(Market::Spot, map);
        assert_eq!(instruments.resolve("FOOBAR").map(|i| i.to_string()).as_deref(), Ok("binance:FOO/BAR"));
    }

    #[test]
    fn the_number_of_instruments_is_bounded() {
        let mut instruments = Instruments::new(Market::Spot, SymbolMap::default());
        for n in 0..MAX_INSTRUMENTS {
            instruments.resolve(&format!("A{n}USDT")).expect("within the bound");
        }
        assert!(instruments.resolve("ONEMOREUSDT").is_err());
        assert!(instruments.resolve("A0USDT").is_ok());
    }
}
