//! Rows of a simulated market with late trades.

use onetape_domain::change::Changes;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_testkit::generator::Market;
use onetape_testkit::recording::Recording;

pub(crate) fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("an instrument")
}

/// A recording of so many seconds, around a midnight.
pub(crate) fn recording(seconds: u32) -> Recording {
    let start: Timestamp = "2024-08-08T23:59:30Z".parse().expect("a time");
    let market = Market { start, seconds, ..Market::new(instrument(), 7) };
    Recording::of(VenueRules::BINANCE_SPOT, &market.messages(), 100)
}

/// All its rows.
pub(crate) fn rows(seconds: u32) -> Changes {
    let mut all = Changes::default();
    for batch in recording(seconds).batches() {
        all.append(&mut batch.changes.clone());
    }
    all
}
