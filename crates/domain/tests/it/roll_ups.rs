//! A3 and A4: published candles rolled up, directly and in steps.

use onetape_domain::candle::{Ohlcv, roll_up};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::validator::{DataValidator, RawCandle};

use crate::tape::{data_dir, golden};
use crate::zip;

type Row = (Timestamp, Ohlcv);

/// A candle of the fields open, high, low, close, volume.
fn candle(open_time: Timestamp, timeframe: Timeframe, fields: &[String]) -> Row {
    let [open, high, low, close, volume] = std::array::from_fn(|at| fields[at].clone());
    let raw = RawCandle { open_time: open_time.micros(), open, high, low, close, volume, trade_count: 0 };
    (open_time, *DataValidator::validate_ohlcv(timeframe, &raw).expect("candle").ohlcv())
}

fn from_golden(name: &str, timeframe: Timeframe) -> Vec<Row> {
    let row = |row: Vec<String>| candle(row[0].parse().expect("time"), timeframe, &row[1..]);
    golden(name).expect("golden").into_iter().map(row).collect()
}

/// Candles of one day as the venue published them, timed in milliseconds since its start.
fn published(path: &str, day: &str, timeframe: Timeframe) -> Vec<Row> {
    let day: Timestamp = day.parse().expect("day");
    let row = |row: Vec<String>| {
        let millis: i64 = row[0].parse().expect("milliseconds");
        candle(day.plus(millis * 1_000), timeframe, &row[1..])
    };
    zip::rows(path).expect("data").into_iter().map(row).collect()
}

fn assert_same(got: &[Row], want: &[Row], name: &str) {
    assert_eq!(got.len(), want.len(), "{name}: rows");
    let view = |(time, o): &Row| (*time, o.open, o.high, o.low, o.close, o.volume);
    for (got, want) in got.iter().zip(want) {
        assert_eq!(view(got), view(want), "{name}");
    }
}

fn rolled(from: &[Row], timeframe: Timeframe) -> Vec<Row> {
    roll_up(from.iter().map(|(time, ohlcv)| (*time, ohlcv)), timeframe).expect("no overflow")
}

/// Rolls up to each timeframe from the base and from the timeframe before; returns the last and all counts.
fn assert_rolls_up(
    base: &[Row],
    timeframes: &[Timeframe],
    prefix: &str,
    of: Timeframe,
) -> (Vec<Row>, Vec<usize>) {
    let mut step = base.to_vec();
    let mut counts = Vec::new();
    for timeframe in timeframes {
        let name = format!("{prefix}_{timeframe}_from{of}.csv");
        let want = from_golden(&name, *timeframe);
        assert_same(&rolled(base, *timeframe), &want, &name);
        step = rolled(&step, *timeframe);
        assert_same(&step, &want, &format!("{name} in steps"));
        counts.push(step.len());
    }
    (step, counts)
}

fn text((_, o): &Row) -> String {
    [o.open, o.high, o.low, o.close].map(|price| price.to_string()).join(" ") + " v " + &o.volume.to_string()
}

#[test]
fn a3_every_roll_up_of_seconds_equals_the_golden_candles_directly_and_in_steps() {
    if data_dir().is_none() {
        return;
    }
    let seconds = from_golden("lean_coinbase_BTCUSD_1s.csv", Timeframe::S1);
    let (days, _) = assert_rolls_up(&seconds, &Timeframe::ALL[1..], "lean_coinbase_BTCUSD", Timeframe::S1);
    let days: Vec<String> = days.iter().map(text).collect();
    assert_eq!(
        days,
        ["611.78 618.7 609.89 617.98 v 5119.98889954", "618.11 620 617.55 619.5 v 2793.95535361"]
    );
}

#[test]
fn a3_published_seconds_give_the_published_minutes() {
    if data_dir().is_none() {
        return;
    }
    for (day, date, minutes) in [("2016-10-07", "20161007", 1_419), ("2016-10-08", "20161008", 1_400)] {
        let file = |unit: &str| format!("coinbase_candles/{unit}/btcusd/{date}_trade.zip");
        let seconds = published(&file("second"), day, Timeframe::S1);
        let want = published(&file("minute"), day, Timeframe::M1);
        assert_eq!(want.len(), minutes);
        assert_same(&rolled(&seconds, Timeframe::M1), &want, date);
    }
}

#[test]
fn a4_every_roll_up_of_published_minutes_equals_the_golden_candles_directly_and_in_steps() {
    if data_dir().is_none() {
        return;
    }
    let minutes = published("binance_candles/minute/btcbusd/20221213_trade.zip", "2022-12-13", Timeframe::M1);
    assert_eq!(minutes.len(), 1_440);
    let (days, counts) =
        assert_rolls_up(&minutes, &Timeframe::ALL[2..], "lean_binance_BTCBUSD", Timeframe::M1);
    assert_eq!(counts, [288, 96, 24, 1]);
    assert_eq!(text(&days[0]), "17212.12 18000 17088.25 17777.08 v 182861.34542");
}
