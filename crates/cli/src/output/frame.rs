//! An inference frame for people.

use onetape::domain::decimal::canonical;
use onetape::domain::indicator::IndicatorSet;
use onetape::prelude::*;

use super::table;

/// Levels and rows shown of each section.
const SHOWN: usize = 5;

/// Prints the frame: the end of each section, and how complete it is.
pub(crate) fn print(frame: &InferenceDataFrame) {
    println!("{} as of {}", frame.symbol, frame.as_of);
    candles(frame);
    book(frame);
    imbalances(frame);
    indicators(frame);
    if let Some(metadata) = &frame.metadata {
        println!("from {:?} in {:.3} ms", metadata.data_source, metadata.query_latency_ms);
    }
}

fn candles(frame: &InferenceDataFrame) {
    let header = [
        "",
        "rows",
        "last open time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "trades",
        "state",
        "covered",
    ];
    let mut table = table(&header);
    for timeframe in Timeframe::ALL {
        let section = frame.candles(timeframe);
        let mut row = vec![timeframe.to_string(), section.rows.len().to_string()];
        match section.rows.last() {
            Some(candle) => {
                let ohlcv = candle.ohlcv();
                row.push(candle.open_time().to_string());
                row.extend([ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close].map(|price| price.to_string()));
                row.extend([
                    ohlcv.volume.to_string(),
                    ohlcv.trade_count.map(|count| count.to_string()).unwrap_or_default(),
                    candle.state().as_str().into(),
                ]);
            }
            None => row.extend(std::iter::repeat_n(String::new(), 8)),
        }
        row.push(covered(&section.quality));
        table.add_row(row);
    }
    println!("{table}");
}

fn covered(quality: &onetape::domain::quality::Quality) -> String {
    format!("{} % ({})", canonical(quality.coverage), quality.tier.as_str())
}

fn book(frame: &InferenceDataFrame) {
    let Some(book) = &frame.orderbook_snapshot else {
        println!("no order book\n");
        return;
    };
    let mut table = table(&["bid size", "bid", "ask", "ask size"]);
    for (bid, ask) in book.bids().iter().zip(book.asks()).take(SHOWN) {
        table.add_row([
            bid.size.to_string(),
            bid.price.to_string(),
            ask.price.to_string(),
            ask.size.to_string(),
        ]);
    }
    println!(
        "order book of second {}, the best of {} / {} levels",
        book.second(),
        book.bids().len(),
        book.asks().len()
    );
    println!("{table}");
    let buckets: Vec<String> = frame.orderbook_1s_agg.iter().map(|bucket| canonical(bucket.price)).collect();
    println!("price buckets of {}: {}", book.bucket_size(), buckets.join(" "));
}

fn imbalances(frame: &InferenceDataFrame) {
    let mut table = table(&["second", "1s", "5s", "15s", "60s", "volume 5s", "volume 60s", "price range"]);
    let text = |value: Option<_>| value.map_or_else(|| "-".to_owned(), canonical);
    for row in frame.imbalances.iter().rev().take(SHOWN).rev() {
        table.add_row([
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
    println!("imbalances, the last of {} seconds", frame.imbalances.len());
    println!("{table}");
}

fn indicators(frame: &InferenceDataFrame) {
    let mut table = table(&["", "RSI 14", "MACD", "signal", "upper band", "middle", "lower"]);
    let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    for (timeframe, set) in &frame.indicators {
        let IndicatorSet { rsi_14, macd, macd_signal, macd_hist: _, bb_upper, bb_middle, bb_lower } = set;
        let values = [rsi_14, macd, macd_signal, bb_upper, bb_middle, bb_lower].map(|value| text(*value));
        table.add_row([vec![timeframe.to_string()], values.to_vec()].concat());
    }
    println!("indicators over closed candles");
    println!("{table}");
}
