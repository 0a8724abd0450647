//! What a single name says.

use onetape_domain::instrument::{Exchange, Instrument, Symbol, split_native};
use onetape_domain::time::Timeframe;

use super::words::{self, Code};
use super::{Mapping, Unclear};

/// Most words of a name.
const MAX_WORDS: usize = 32;

/// What a name says, and what of it is not understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clues {
    pub(super) exchange: Option<Exchange>,
    pub(super) symbol: Option<Symbol>,
    /// The period, by a code such as `1m`.
    pub(super) code: Option<Timeframe>,
    /// The period, by a word such as `minute`.
    pub(super) word: Option<Timeframe>,
    /// Words that are not understood.
    pub(super) odd: Vec<String>,
    /// Why it cannot be told.
    pub(super) doubt: Option<Unclear>,
}

impl Clues {
    /// Of a name of a file, a folder or a table; of one that is a path, of each part, innermost first.
    pub(super) fn of(name: &str, mapping: &Mapping) -> Vec<Self> {
        let is_symbol = |word: &str| word.contains('/') && unified(word).is_some();
        if name.contains('/') && !name.split(['_', ' ']).any(is_symbol) {
            return name.rsplit('/').map(|part| Self::of_one(part, mapping)).collect();
        }
        vec![Self::of_one(name, mapping)]
    }

    /// Whether every word of it is understood.
    pub(super) fn is_understood(&self) -> bool {
        self.odd.is_empty() && self.doubt.is_none()
    }

    fn of_one(name: &str, mapping: &Mapping) -> Self {
        let mut clues = Self::default();
        if let Some(symbol) = mapping.symbol(name) {
            clues.symbol = Some(symbol.clone());
            return clues;
        }
        let words = words_of(words::stem(name));
        if words.len() > MAX_WORDS {
            clues.doubt = Some(Unclear::ambiguous("its name has more words than are looked at"));
            return clues;
        }
        let mut rest = words.as_slice();
        let mut after_date = false;
        while let [word, after @ ..] = rest {
            let is_date = words::is_date(word, after_date);
            rest = if is_date {
                after
            } else if clues.take_pair(word, after.first().copied(), mapping) {
                &after[1..]
            } else {
                clues.take(word, mapping);
                after
            };
            after_date = is_date;
        }
        clues
    }

    /// Two words that are a symbol together, as in `BTC_USDT`; whether they are.
    fn take_pair(&mut self, base: &str, quote: Option<&str>, mapping: &Mapping) -> bool {
        let Some(quote) = quote.filter(|quote| words::is_quote(quote)) else { return false };
        let means_more = mapping.symbol(base).is_some()
            || base.contains('/')
            || words::exchange(base).is_some()
            || words::is_idle(base)
            || words::is_of_other_market(base)
            || words::code(base).is_some()
            || words::period(base).is_some();
        let symbol = Symbol::try_new(&format!("{}/{}", base.to_uppercase(), quote.to_uppercase()));
        match symbol {
            Ok(symbol) if !means_more => {
                self.say_symbol(symbol);
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, word: &str, mapping: &Mapping) {
        if let Some(symbol) = mapping.symbol(word) {
            self.say_symbol(symbol.clone());
        } else if let Some((exchange, symbol)) = unified(word) {
            if let Some(exchange) = exchange {
                self.say_exchange(exchange);
            }
            self.say_symbol(symbol);
        } else if let Some(code) = words::code(word) {
            match code {
                Code::Kept(timeframe) => {
                    let known = *self.code.get_or_insert(timeframe);
                    self.contradict("timeframes", &known, &timeframe);
                }
                Code::Other => {
                    let reason = format!("its period {word} is none of 1s, 1m, 5m, 15m, 1h, 1d");
                    self.doubt.get_or_insert(Unclear::unsupported(reason));
                }
            }
        } else if let Some(timeframe) = words::period(word) {
            let known = *self.word.get_or_insert(timeframe);
            self.contradict("timeframes", &known, &timeframe);
        } else if words::is_idle(word) {
        } else if let Some(exchange) = words::exchange(word).and_then(|name| Exchange::try_new(name).ok()) {
            self.say_exchange(exchange);
        } else if words::is_of_other_market(word) {
            let doubt = format!("`{word}` in its name may mean a market other than spot");
            self.doubt.get_or_insert(Unclear::ambiguous(doubt));
        } else {
            self.take_native(word);
        }
    }

    /// A venue's own name such as `ETHUSDT`, split at the longest known quote.
    fn take_native(&mut self, word: &str) {
        let native = word.to_ascii_uppercase();
        if native.ends_with("AEUR") {
            // ADA/EUR or AD/AEUR.
            let doubt = format!("`{word}` may be quoted in EUR or in AEUR");
            self.doubt.get_or_insert(Unclear::ambiguous(doubt));
            return;
        }
        let split = native
            .bytes()
            .all(|b| b.is_ascii_alphanumeric())
            .then(|| split_native(&native, &words::quotes()));
        match split {
            Some(Ok((base, quote))) => match Symbol::try_new(&format!("{base}/{quote}")) {
                Ok(symbol) => self.say_symbol(symbol),
                Err(_) => self.odd.push(word.to_owned()),
            },
            Some(Err(_)) | None => self.odd.push(word.to_owned()),
        }
    }

    fn say_symbol(&mut self, symbol: Symbol) {
        let known = self.symbol.get_or_insert_with(|| symbol.clone()).clone();
        self.contradict("instruments", &known, &symbol);
    }

    fn say_exchange(&mut self, exchange: Exchange) {
        let known = self.exchange.get_or_insert_with(|| exchange.clone()).clone();
        self.contradict("exchanges", &known, &exchange);
    }

    fn contradict<T: PartialEq + std::fmt::Display>(&mut self, what: &str, known: &T, said: &T) {
        if known != said {
            let doubt = format!("its name says two {what}, {known} and {said}");
            self.doubt.get_or_insert(Unclear::ambiguous(doubt));
        }
    }
}

/// The words of a name; those of a unified symbol stay together.
fn words_of(name: &str) -> Vec<&str> {
    let outer = name.split(['_', ' ', '\t']).filter(|word| !word.is_empty());
    outer
        .flat_map(|word| -> Vec<&str> {
            if unified(word).is_some() {
                vec![word]
            } else {
                word.split('-').filter(|word| !word.is_empty()).collect()
            }
        })
        .collect()
}

/// A symbol in the unified form, with its exchange where it names one.
fn unified(word: &str) -> Option<(Option<Exchange>, Symbol)> {
    if !word.contains('/') {
        return None;
    }
    if let Ok(instrument) = word.parse::<Instrument>() {
        return Some((Some(instrument.exchange().clone()), instrument.symbol().clone()));
    }
    Symbol::try_new(word).ok().map(|symbol| (None, symbol))
}
