//! The choice between candles made here and imported ones, against the rule applied period by period.

use onetape_domain::candle::{Candle, CandleState, Ohlcv};
use onetape_domain::coverage::Intervals;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::imported::{
    Import, ImportId, Imported, ImportedCandle, ImportedRow, ImportedValues, Place, Source, roll_up_covered,
    whole_periods,
};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::{Side, Trade, TradeKey};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

fn at(minute: i64) -> Timestamp {
    START.plus(minute * 60 * SECOND)
}

fn price(number: i64) -> Price {
    Price::parse("price", &number.to_string()).expect("a price")
}

fn imported(minute: i64, number: i64) -> ImportedCandle {
    let (price, volume) = (price(number), Quantity::parse("volume", "1").expect("a volume"));
    let values = ImportedValues {
        open: price,
        high: price,
        low: price,
        close: price,
        volume,
        taker_buy_volume: None,
        trade_count: None,
    };
    ImportedCandle::try_new(Timeframe::M1, at(minute), values).expect("a candle")
}

fn derived(minute: i64) -> Candle {
    let trade = Trade {
        key: TradeKey { event_time: at(minute), sequence: 1, index: 0 },
        trade_id: "1".into(),
        price: price(1),
        size: Quantity::parse("size", "1").expect("a size"),
        side: Side::Buy,
        aggregate: None,
        received_at: at(minute),
        available_at: at(minute),
    };
    Candle::closed(Timeframe::M1, at(minute), Ohlcv::of_trade(&trade), 1, at(minute + 2)).expect("a candle")
}

/// An import of minutes; one of seconds has only rolled-up ones.
fn import(number: u64, source: &str, rank: u32, timeframe: Timeframe, place: Place) -> Import {
    Import {
        id: ImportId::try_new(&number.to_string()).expect("an id"),
        instrument: "binance:ETH/USDT".parse().expect("an instrument"),
        source: Source::try_new(source).expect("a source"),
        timeframe,
        covered: TimeRange::try_new(at(0), at(40)).expect("a range"),
        place,
        number,
        rank,
    }
}

fn imports() -> impl Strategy<Value = Vec<(Import, Vec<i64>)>> {
    let one = (0..3_usize, 0..3_u32, any::<bool>(), 0..3_i64, prop::collection::vec(0..40_i64, 0..30));
    prop::collection::vec(one, 1..5).prop_map(|all| {
        let import =
            |(at_place, (name, rank, rolled, place, minutes)): (usize, (usize, u32, bool, i64, Vec<i64>))| {
                let timeframe = if rolled { Timeframe::S1 } else { Timeframe::M1 };
                let place = [Place::Before, Place::Waiting, Place::At(at(20))][place as usize];
                (import(at_place as u64 + 1, ["a", "b", "c"][name], rank, timeframe, place), minutes)
            };
        all.into_iter().enumerate().map(import).collect()
    })
}

proptest! {
    #[test]
    fn each_period_has_the_candle_that_the_rule_names(
        imports in imports(),
        own in prop::collection::btree_set(0..40_i64, 0..30),
        proven in prop::collection::vec((0..40_i64, 1..10_i64), 0..4),
        // All of them are closed by then, and known.
        as_of in 41..100_i64,
        limit in 0..50_usize,
    ) {
        let mut covered = Intervals::default();
        proven.iter().for_each(|(begin, length)| covered.add(at(*begin), at(begin + length)));
        let number = |import: usize, minute: i64| 1_000 * (import as i64 + 1) + minute;
        let mut rows: [Vec<ImportedRow>; 6] = Default::default();
        for (position, (_, minutes)) in imports.iter().enumerate() {
            let mut minutes = minutes.clone();
            minutes.sort_unstable();
            minutes.dedup();
            let row = |minute| ImportedRow { import: position, candle: imported(minute, number(position, minute)) };
            rows[Timeframe::M1.index()].extend(minutes.into_iter().map(row));
        }
        let of = imports.iter().map(|(import, _)| import.clone()).collect();
        let all = Imported::new(of, rows, Vec::new());
        let derived: Vec<Candle> = own.iter().map(|minute| derived(*minute)).collect();
        let chosen = all.choose(Timeframe::M1, &derived, &covered, at(as_of));

        let expected = |minute: i64| -> Option<(i64, Option<usize>)> {
            let mut best = imports.iter().enumerate().filter(|(_, (_, minutes))| minutes.contains(&minute)).collect::<Vec<_>>();
            best.sort_by_key(|(_, (import, _))| (import.timeframe != Timeframe::M1, import.precedence()));
            let best = best.first().map(|(position, _)| *position);
            let whole = covered.covers(at(minute), at(minute + 1));
            match (own.contains(&minute), best) {
                (true, None) => Some((1, None)),
                (true, Some(_)) if whole => Some((1, None)),
                (_, Some(position)) => Some((number(position, minute), Some(position))),
                (false, None) => None,
            }
        };
        let expected: Vec<_> = (0..40).filter_map(|minute| Some((minute, expected(minute)?))).collect();
        let got: Vec<_> = chosen.rows().iter().map(|row| (row.open_time(), row.ohlcv().close)).collect();
        let wanted: Vec<_> = expected.iter().map(|(minute, (number, _))| (at(*minute), price(*number))).collect();
        prop_assert_eq!(got, wanted);
        for (row, (minute, (_, import))) in chosen.rows().iter().zip(&expected) {
            prop_assert_eq!(chosen.is_imported(at(*minute)), import.is_some());
            let state = if import.is_some() { CandleState::Imported } else { CandleState::Traded };
            prop_assert_eq!(row.state(), state);
            let from = row.known_from().expect("closed");
            prop_assert!(from >= row.close_time() && from <= at(as_of), "known from {}", from);
        }
        // The runs name each imported row among the last ones once, and no other.
        let section = all.section(&chosen, limit, &[], &covered, Some(at(as_of)));
        prop_assert_eq!(section.rows.len(), limit.min(expected.len()));
        for (row, (_, (_, import))) in section.rows.iter().rev().zip(expected.iter().rev()) {
            let runs: Vec<_> = section
                .sources
                .iter()
                .filter(|run| run.begin <= row.open_time() && row.close_time() <= run.end)
                .map(|run| run.source.clone())
                .collect();
            let source: Vec<_> = import.iter().map(|position| imports[*position].0.source.clone()).collect();
            prop_assert_eq!(runs, source);
        }
        prop_assert!(section.sources.windows(2).all(|pair| pair[0].end <= pair[1].begin));
    }
}

#[test]
fn an_import_is_known_by_its_place_and_speaks_of_whole_periods_only() {
    let waiting = import(1, "a", 0, Timeframe::M1, Place::Waiting);
    let taken = Import { place: Place::At(at(10)), ..waiting.clone() };
    let before = Import { place: Place::Before, ..waiting.clone() };
    for (import, early, live, later) in
        [(&waiting, true, false, false), (&taken, true, false, true), (&before, true, true, true)]
    {
        assert!(import.is_known(at(0), None), "nothing is live");
        assert_eq!(import.is_known(at(4), Some(at(5))), early);
        assert_eq!(import.is_known(at(5), Some(at(5))), live);
        assert_eq!(import.is_known(at(10), Some(at(5))), later);
    }
    let range = |from: i64, to: i64| TimeRange::try_new(at(from), at(to)).expect("a range");
    assert_eq!(whole_periods(range(-3, 127), Timeframe::H1), range(0, 120));
    assert_eq!(whole_periods(range(0, 60), Timeframe::H1), range(0, 60));
    assert_eq!(
        whole_periods(range(1, 59), Timeframe::H1),
        range(60, 60),
        "none, and not a range upside down"
    );
    let candles: Vec<_> = (1..12).map(|minute| imported(minute, minute)).collect();
    let rolled = roll_up_covered(&candles, range(1, 12), Timeframe::M5).expect("small volumes");
    let shown: Vec<_> = rolled.iter().map(|candle| (candle.open_time(), candle.ohlcv().open)).collect();
    assert_eq!(shown, [(at(5), price(5))]);
    let all = Imported::new(vec![before], Default::default(), Vec::new());
    assert!(all.covered(Timeframe::M1, &Intervals::default()).covers(at(0), at(40)));
    assert_eq!(
        all.covered(Timeframe::S1, &Intervals::default()),
        Intervals::default(),
        "minutes prove no second"
    );
    assert!(!all.covered(Timeframe::H1, &Intervals::default()).covers(at(0), at(40)));
}

#[test]
fn names_of_imports_have_rules() {
    assert!(Source::try_new("derived").is_err() && Source::try_new("Coinbase").is_err());
    assert!(Source::try_new("").is_err() && Source::try_new(&"a".repeat(129)).is_err());
    assert!(ImportId::try_new("2024-08 btc").is_err() && ImportId::try_new("sha256:00ff").is_ok());
}
