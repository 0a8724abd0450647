//! An instrument of which nothing is stored: what is stored instead, and which was meant.

use std::collections::BTreeSet;

use onetape::prelude::*;

use crate::hint::hinted;

/// Instruments named at most.
const NAMED: usize = 8;

/// Likeness from where on a name is taken for a mistyped one.
const LIKE: f64 = 0.85;

/// The error with what is stored. `bare` tells that the default exchange was put before the symbol.
pub(super) async fn explained(
    error: anyhow::Error,
    tape: &Onetape,
    asked: &Instrument,
    bare: bool,
) -> anyhow::Error {
    let Ok(stored) = tape.store().instruments().await else { return error };
    let from = match bare {
        true => format!("{} is the default exchange; ", asked.exchange()),
        false => String::new(),
    };
    hinted(error, from + &hint(&stored, asked, *tape.url() == StoreUrl::Memory))
}

fn hint(stored: &BTreeSet<Instrument>, asked: &Instrument, in_memory: bool) -> String {
    if in_memory {
        return "a store in memory is empty when a command begins: name another by --store".to_owned();
    }
    if stored.is_empty() {
        return "nothing is stored yet: `onetape demo` or `onetape replay FILES` fills the store".to_owned();
    }
    let names: Vec<String> = stored.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if stored.len() > NAMED { ", …" } else { "" };
    let listed = format!("stored here are {}{more}", names.join(", "));
    match meant(stored, asked) {
        Some(instrument) => format!("{listed}; did you mean {instrument}?"),
        None => format!("{listed}; `onetape status` tells more"),
    }
}

/// The same symbol elsewhere, else a name that looks like it.
fn meant<'a>(stored: &'a BTreeSet<Instrument>, asked: &Instrument) -> Option<&'a Instrument> {
    let same = stored.iter().find(|instrument| instrument.symbol() == asked.symbol());
    let likeness = |instrument: &&Instrument| {
        strsim::jaro_winkler(&instrument.to_string().to_lowercase(), &asked.to_string().to_lowercase())
    };
    let alike = || stored.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    same.or_else(|| alike().filter(|instrument| likeness(instrument) > LIKE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument(name: &str) -> Instrument {
        name.parse().unwrap()
    }

    #[test]
    fn the_same_symbol_elsewhere_is_meant_else_one_that_looks_like_it() {
        let stored = ["demo:ETH/USDT", "binance:BTC/USDT"].map(instrument).into();
        let hint = |asked: &str| hint(&stored, &instrument(asked), false);
        assert!(
            hint("binance:ETH/USDT").ends_with("did you mean demo:ETH/USDT?"),
            "{}",
            hint("binance:ETH/USDT")
        );
        assert!(hint("binance:BTC/USDC").ends_with("did you mean binance:BTC/USDT?"));
        assert!(hint("kraken:XMR/EUR").starts_with("stored here are binance:BTC/USDT, demo:ETH/USDT;"));
        assert!(!hint("kraken:XMR/EUR").contains("did you mean"));
    }

    #[test]
    fn an_empty_store_is_to_be_filled() {
        assert!(hint(&BTreeSet::new(), &instrument("a:B/C"), false).contains("onetape demo"));
        assert!(hint(&BTreeSet::new(), &instrument("a:B/C"), true).contains("--store"));
    }
}
