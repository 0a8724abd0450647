//! Candles: as they are known at an instant, and all their versions.

use onetape_domain::candle::{Candle, CandleState};
use onetape_domain::time::{Timeframe, Timestamp};

use super::BATCH_ROWS;
use crate::column::Column;
use crate::decimals::Digits;
use crate::table::Table;

/// One version of a candle, with the stamp from which on another one took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandleVersion {
    /// The version.
    pub candle: Candle,
    /// The stamp of its successor; none where there is none yet.
    pub known_to: Option<Timestamp>,
}

/// Candles by open time, one version a period.
pub static CANDLES: Table<Candle> = Table {
    name: "candles",
    time: ("open_time", |candle| candle.open_time()),
    columns: &Columns::<Candle>::ALL,
    more: &[],
    batch_rows: BATCH_ROWS,
};

/// All versions of candles by open time and revision: that of an instant T is the one with `known_from <= T` and
/// `known_to` later than T or null.
pub static VERSIONS: Table<CandleVersion> = Table {
    name: "candle_versions",
    time: ("open_time", |version| version.candle.open_time()),
    columns: &Columns::<CandleVersion>::ALL,
    more: &[Column::optional_time("known_to", |version| version.known_to)],
    batch_rows: BATCH_ROWS,
};

pub(super) const TIMEFRAMES: &[&str] = &{
    let mut names = [""; Timeframe::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Timeframe::ALL[at].as_str();
        at += 1;
    }
    names
};

const STATES: &[&str] = &[
    CandleState::Traded.as_str(),
    CandleState::Quiet.as_str(),
    CandleState::Gap.as_str(),
    CandleState::Forming.as_str(),
    CandleState::Imported.as_str(),
];

trait HasCandle {
    fn candle(&self) -> &Candle;
}

impl HasCandle for Candle {
    fn candle(&self) -> &Candle {
        self
    }
}

impl HasCandle for CandleVersion {
    fn candle(&self) -> &Candle {
        &self.candle
    }
}

/// Columns of every row that is a candle.
struct Columns<R>(std::marker::PhantomData<R>);

impl<R: HasCandle + 'static> Columns<R> {
    const ALL: [Column<R>; 19] = [
        Column::name("timeframe", TIMEFRAMES, |row| row.candle().timeframe().as_str()),
        Column::time("open_time", |row| row.candle().open_time()),
        Column::time("close_time", |row| row.candle().close_time()),
        Column::number("open", Digits::AMOUNT, |row| row.candle().ohlcv().open.get()),
        Column::number("high", Digits::AMOUNT, |row| row.candle().ohlcv().high.get()),
        Column::number("low", Digits::AMOUNT, |row| row.candle().ohlcv().low.get()),
        Column::number("close", Digits::AMOUNT, |row| row.candle().ohlcv().close.get()),
        Column::number("volume", Digits::AMOUNT, |row| row.candle().ohlcv().volume.get()),
        Column::optional_number("taker_buy_volume", Digits::AMOUNT, |row| {
            row.candle().ohlcv().taker_buy_volume.map(|volume| volume.get())
        }),
        Column::optional_natural("trade_count", |row| row.candle().ohlcv().trade_count),
        Column::name("state", STATES, |row| row.candle().state().as_str()),
        Column::time("first_trade_time", |row| row.candle().ohlcv().first.event_time),
        Column::integer("first_trade_sequence", |row| row.candle().ohlcv().first.sequence),
        Column::integer("first_trade_index", |row| row.candle().ohlcv().first.index.into()),
        Column::time("last_trade_time", |row| row.candle().ohlcv().last.event_time),
        Column::integer("last_trade_sequence", |row| row.candle().ohlcv().last.sequence),
        Column::integer("last_trade_index", |row| row.candle().ohlcv().last.index.into()),
        Column::integer("revision", |row| row.candle().revision().into()),
        Column::optional_time("known_from", |row| row.candle().known_from()),
    ];
}
