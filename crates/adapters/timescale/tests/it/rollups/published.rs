//! What venues published: Coinbase's seconds and Binance's minutes, and the candles that other tools made of them.

use std::collections::BTreeMap;

use onetape_domain::candle::Ohlcv;
use onetape_domain::decimal::Quantity;
use onetape_domain::time::{SECOND, Timeframe, Timestamp};
use onetape_domain::trade::TradeKey;
use onetape_domain::validator::{DataValidator, RawCandle};
use onetape_testkit::data::{folder, golden_rows};
use rust_decimal::RoundingStrategy;

use crate::zip;

pub(super) type Candles = BTreeMap<Timestamp, Ohlcv>;

/// A market of some days.
pub(super) struct Published {
    pub(super) first_day: Timestamp,
    pub(super) seconds: Candles,
    /// What they roll up to, as others have calculated it.
    pub(super) coarser: BTreeMap<Timeframe, Candles>,
    /// Seconds without a trade.
    pub(super) quiet: [&'static str; 2],
    /// Chunks of seconds.
    pub(super) chunks: u64,
}

impl Published {
    /// A3: Coinbase BTC-USD of two days, published by the second. None, visibly, without test data.
    pub(super) fn coinbase() -> Option<Self> {
        folder()?;
        let golden = |timeframe| golden(timeframe, &format!("lean_coinbase_BTCUSD_{timeframe}_from1s.csv"));
        let coarser: BTreeMap<_, _> = Timeframe::ALL[1..].iter().map(|one| (*one, golden(*one))).collect();
        assert_counts(&coarser, [2_819, 576, 192, 48, 2]);
        Some(Self {
            first_day: instant("2016-10-07T00:00:00Z"),
            seconds: self::golden(Timeframe::S1, "lean_coinbase_BTCUSD_1s.csv"),
            coarser,
            quiet: ["2016-10-07T00:00:00Z", "2016-10-08T23:59:59Z"],
            chunks: 2,
        })
    }

    /// A4: Binance BTCBUSD of one day, published by the minute.
    ///
    /// The aggregates begin with seconds, so each minute is taken apart into four of them that make exactly it: one at
    /// each of its prices, with a quarter of its volume. What they roll up to is then the published minute, and what
    /// other tools made of the published minutes.
    pub(super) fn binance() -> Option<Self> {
        let first_day = instant("2022-12-13T00:00:00Z");
        let minute = |row: Vec<String>| {
            let millis: i64 = row[0].parse().unwrap();
            candle(Timeframe::M1, first_day.plus(millis * 1_000), &row[1..])
        };
        let rows = zip::rows("binance_candles/minute/btcbusd/20221213_trade.zip")?;
        let minutes: Candles = rows.into_iter().map(minute).collect();
        let seconds =
            minutes.iter().flat_map(|(open_time, minute)| taken_apart(*open_time, minute)).collect();
        let golden = |timeframe| golden(timeframe, &format!("lean_binance_BTCBUSD_{timeframe}_from1m.csv"));
        let coarser = Timeframe::ALL[2..].iter().map(|one| (*one, golden(*one)));
        let coarser: BTreeMap<_, _> = [(Timeframe::M1, minutes)].into_iter().chain(coarser).collect();
        assert_counts(&coarser, [1_440, 288, 96, 24, 1]);
        Some(Self {
            first_day,
            seconds,
            coarser,
            quiet: ["2022-12-13T00:00:30Z", "2022-12-13T23:59:59Z"],
            chunks: 1,
        })
    }
}

fn assert_counts(coarser: &BTreeMap<Timeframe, Candles>, counts: [usize; 5]) {
    assert_eq!(coarser.values().map(BTreeMap::len).collect::<Vec<_>>(), counts);
}

/// Open, high, low and close, a flat second each.
fn taken_apart(open_time: Timestamp, minute: &Ohlcv) -> Vec<(Timestamp, Ohlcv)> {
    let whole = minute.volume.get();
    let quarter =
        (whole / rust_decimal::Decimal::from(4)).round_dp_with_strategy(8, RoundingStrategy::ToZero);
    let rest = whole - quarter * rust_decimal::Decimal::from(3);
    let prices = [minute.open, minute.high, minute.low, minute.close];
    let seconds = prices.into_iter().zip([quarter, quarter, quarter, rest]).zip(0..);
    let second = |((price, volume), at): ((_, _), i64)| {
        let time = open_time.plus(at * SECOND);
        let key = TradeKey { event_time: time, sequence: 0, index: 0 };
        let volume = Quantity::try_new("volume", volume).unwrap();
        let flat = Ohlcv {
            open: price,
            high: price,
            low: price,
            close: price,
            volume,
            first: key,
            last: key,
            ..*minute
        };
        (time, flat)
    };
    seconds.map(second).collect()
}

fn golden(timeframe: Timeframe, name: &str) -> Candles {
    golden_rows(name).into_iter().map(|row| candle(timeframe, instant(&row[0]), &row[1..])).collect()
}

/// Open, high, low, close and volume.
fn candle(timeframe: Timeframe, open_time: Timestamp, numbers: &[String]) -> (Timestamp, Ohlcv) {
    let [open, high, low, close, volume] = std::array::from_fn(|at| numbers[at].clone());
    let raw = RawCandle { open_time: open_time.micros(), open, high, low, close, volume, trade_count: 0 };
    (open_time, *DataValidator::validate_ohlcv(timeframe, &raw).unwrap().ohlcv())
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}
