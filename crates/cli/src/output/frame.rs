//! An inference frame for people.

use std::io;

use onetape::domain::candle::Ohlcv;
use onetape::domain::decimal::canonical;
use onetape::domain::frame::CandleSection;
use onetape::domain::indicator::IndicatorSet;
use onetape::domain::quality::Quality;
use onetape::prelude::*;

use super::grid::{Cell, Grid};
use super::{say, spark};

/// Levels and rows shown of each section.
const SHOWN: usize = 5;

/// Bars of a sparkline.
const BARS: usize = 16;

/// Columns of candles that a narrow table leaves out, the first of them first.
const SPARE: [&str; 10] =
    ["open", "low", "high", "rows", "trades", "volumes", "volume", "state", "closes", "last open time"];

/// Prints the frame: the end of each section, and how complete it is.
pub(crate) fn print(frame: &InferenceDataFrame) -> io::Result<()> {
    say!("{} as of {}", frame.symbol, frame.as_of)?;
    candles(frame)?;
    book(frame)?;
    imbalances(frame)?;
    indicators(frame)?;
    if let Some(metadata) = &frame.metadata {
        say!("from {:?} in {:.3} ms", metadata.data_source, metadata.query_latency_ms)?;
    }
    Ok(())
}

fn candles(frame: &InferenceDataFrame) -> io::Result<()> {
    let header = [
        "",
        "rows",
        "last open time",
        "open",
        "high",
        "low",
        "close",
        "closes",
        "volume",
        "volumes",
        "trades",
        "state",
        "covered",
    ];
    let mut grid = Grid::new(&header).sparing(&SPARE);
    for timeframe in Timeframe::ALL {
        let section = frame.candles(timeframe);
        let mut row: Vec<Cell> = vec![timeframe.as_str().into(), section.rows.len().to_string().into()];
        match section.rows.last() {
            Some(candle) => row.extend(last_candle(section, candle)),
            None => row.extend(std::iter::repeat_n(Cell::default(), header.len() - 3)),
        }
        row.push(covered(&section.quality));
        grid.row(row);
    }
    grid.print()
}

/// From the open time to the state.
fn last_candle(section: &CandleSection, candle: &Candle) -> [Cell; 10] {
    let ohlcv = candle.ohlcv();
    let ohlcvs = || section.rows.iter().map(Candle::ohlcv);
    let closes: Vec<_> = ohlcvs().map(|ohlcv: &Ohlcv| ohlcv.close.get()).collect();
    let volumes: Vec<_> = ohlcvs().map(|ohlcv: &Ohlcv| ohlcv.volume.get()).collect();
    [
        candle.open_time().to_string().into(),
        ohlcv.open.to_string().into(),
        ohlcv.high.to_string().into(),
        ohlcv.low.to_string().into(),
        ohlcv.close.to_string().into(),
        spark::line(&closes, BARS).into(),
        ohlcv.volume.to_string().into(),
        spark::line(&volumes, BARS).into(),
        ohlcv.trade_count.map(|count| count.to_string()).unwrap_or_default().into(),
        candle.state().as_str().into(),
    ]
}

fn covered(quality: &Quality) -> Cell {
    Cell::tinted(format!("{} % ({})", canonical(quality.coverage), quality.tier.as_str()), quality.tier)
}

fn book(frame: &InferenceDataFrame) -> io::Result<()> {
    let Some(book) = &frame.orderbook_snapshot else { return say!("no order book\n") };
    let mut grid = Grid::new(&["bid size", "bid", "ask", "ask size"]);
    for (bid, ask) in book.bids().iter().zip(book.asks()).take(SHOWN) {
        grid.row([bid.size.to_string(), bid.price.to_string(), ask.price.to_string(), ask.size.to_string()]);
    }
    say!(
        "order book of second {}, the best of {} / {} levels",
        book.second(),
        book.bids().len(),
        book.asks().len()
    )?;
    grid.print()?;
    let buckets = &frame.orderbook_1s_agg;
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return Ok(()) };
    let (first, last) = (canonical(first.price), canonical(last.price));
    say!("{} price buckets of {}, from {first} to {last}", buckets.len(), book.bucket_size())
}

fn imbalances(frame: &InferenceDataFrame) -> io::Result<()> {
    let header = ["second", "1s", "5s", "15s", "60s", "volume 5s", "volume 60s", "price range"];
    let mut grid = Grid::new(&header).sparing(&["price range", "volume 5s", "volume 60s", "15s", "5s"]);
    let text = |value: Option<_>| value.map_or_else(|| "-".to_owned(), canonical);
    for row in frame.imbalances.iter().rev().take(SHOWN).rev() {
        grid.row([
            row.second.to_string(),
            text(row.imbalance_1s),
            text(row.imbalance_5s),
            text(row.imbalance_15s),
            text(row.imbalance_60s),
            text(row.volume_imbalance_5s),
            text(row.volume_imbalance_60s),
            text(row.price_range),
        ]);
    }
    let known: Vec<_> = frame.imbalances.iter().filter_map(|row| row.imbalance_1s).collect();
    say!("imbalances, the last of {} seconds {}", frame.imbalances.len(), spark::line(&known, 60))?;
    grid.print()
}

fn indicators(frame: &InferenceDataFrame) -> io::Result<()> {
    let header = ["", "RSI 14", "MACD", "signal", "upper band", "middle", "lower"];
    let mut grid = Grid::new(&header).sparing(&["signal", "middle"]);
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    for (timeframe, set) in &frame.indicators {
        let IndicatorSet { rsi_14, macd, macd_signal, macd_hist: _, bb_upper, bb_middle, bb_lower } = set;
        let values = [rsi_14, macd, macd_signal, bb_upper, bb_middle, bb_lower].map(|value| text(*value));
        grid.row([vec![timeframe.to_string()], values.to_vec()].concat());
    }
    say!("indicators over closed candles")?;
    grid.print()
}
