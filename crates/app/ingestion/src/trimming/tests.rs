//! Diffs in pieces, and together again.

use std::collections::HashMap;

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::message::BookDiff;
use proptest::prelude::*;

use super::*;
use crate::journal::put_together;

/// A diff with so many levels.
fn diff(update: u64, levels: usize) -> TimedDiff {
    let price = Price::parse("price", "1").expect("price");
    let level = BookLevel { price, size: Quantity::parse("size", "1").expect("size") };
    let diff = BookDiff {
        first_update: update,
        last_update: update,
        previous_update: None,
        bids: vec![level; levels / 2],
        asks: vec![level; levels - levels / 2],
    };
    TimedDiff { diff, sent_at: Timestamp::from_micros(1), received_at: Timestamp::from_micros(2) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn all_of_the_diffs_come_back_or_none(
        levels in prop::collection::vec(prop_oneof![0..10_usize, 0..2 * LEVELS_PER_ENTRY], 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let diffs: Vec<_> = (0..).zip(&levels).map(|(update, levels)| diff(update, *levels)).collect();
        let entries = entries(&diffs);
        for (diffs, _) in &entries {
            let levels: usize = diffs.iter().map(|waiting| waiting.diff.bids.len() + waiting.diff.asks.len()).sum();
            prop_assert!(levels <= LEVELS_PER_ENTRY || diffs.len() == 1, "{levels} levels of {} diffs", diffs.len());
        }
        let instrument: onetape_domain::instrument::Instrument = "binance:ETH/USDT".parse().expect("instrument");
        let mut waiting = HashMap::new();
        // One that was cut short, and one that lacks an entry; then all of them.
        let cut = cut.index(entries.len());
        for (diffs, part) in &entries[..cut] {
            prop_assert_eq!(put_together(&mut waiting, instrument.clone(), diffs.to_vec(), *part), None);
        }
        for (_, (diffs, part)) in entries.iter().enumerate().filter(|(at, _)| entries.len() > 1 && *at != cut) {
            prop_assert_eq!(put_together(&mut waiting, instrument.clone(), diffs.to_vec(), *part), None);
        }
        let mut all = None;
        for (diffs, part) in entries {
            prop_assert_eq!(all, None);
            all = put_together(&mut waiting, instrument.clone(), diffs.to_vec(), part);
        }
        prop_assert_eq!(all, Some(diffs));
    }
}
