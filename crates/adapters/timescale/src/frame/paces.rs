//! How far apart an instrument's candles lie, as the last frame showed: so many periods back the next frame asks for whole
//! candles. A guess that saves a second attempt in a quiet market; answers do not depend on it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use onetape_domain::instrument::Instrument;

/// Microseconds a candle, by timeframe; zero where nothing is known.
pub(crate) type Paces = [i64; 6];

/// Instruments that are remembered. With one more, all are forgotten: each costs one attempt to learn again.
const INSTRUMENTS: usize = 10_000;

/// What is known of each instrument.
#[derive(Debug, Default)]
pub(crate) struct KnownPaces(Mutex<HashMap<Instrument, Paces>>);

impl KnownPaces {
    pub(super) fn of(&self, instrument: &Instrument) -> Paces {
        self.lock().get(instrument).copied().unwrap_or_default()
    }

    pub(super) fn learn(&self, instrument: &Instrument, paces: Paces) {
        let mut known = self.lock();
        if let Some(before) = known.get_mut(instrument) {
            *before = paces;
            return;
        }
        if known.len() >= INSTRUMENTS {
            known.clear();
        }
        known.insert(instrument.clone(), paces);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Instrument, Paces>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_instruments_is_remembered() {
        let known = KnownPaces::default();
        let instrument = |at: usize| Instrument::try_new("binance", &format!("A{at}/USDT")).unwrap();
        for at in 0..=INSTRUMENTS {
            known.learn(&instrument(at), [7; 6]);
            assert_eq!(known.of(&instrument(at)), [7; 6]);
        }
        assert_eq!(known.lock().len(), 1);
        assert_eq!(known.of(&instrument(0)), [0; 6]);
    }
}
