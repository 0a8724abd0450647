//! Cases of [`InventoryStore`](onetape_ports::InventoryStore): what is stored, from when to when, and how much.

use std::sync::Arc;

use onetape_domain::change::Changes;
use onetape_domain::time::Timeframe;
use onetape_ports::inventory::COUNTED_ROWS;
use onetape_ports::{Inventory, MarketStore};

use super::data::{at, batch, becomes, candle, eth, instrument, market, short, trade};
use super::{Case, Verdict, case, ensure};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            the_inventory_counts_what_is_stored,
            "Of each table its first and last time and its rows; current versions of candles count, each once."
        ),
        case!(an_instrument_without_rows_has_an_empty_inventory, "One of which nothing is stored has none."),
        case!(inventories_of_instruments_are_apart, "What is stored of an instrument."),
        case!(
            a_long_table_is_counted_about_right,
            "Of a table longer than can be counted the number is about right.",
            LargeBatches
        ),
        case!(sizes_are_of_the_whole_store, "How much room the store takes."),
    ]
}

async fn the_inventory_counts_what_is_stored(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    is(&store.inventory(&eth()).await?, &market().reference().inventory())
}

async fn an_instrument_without_rows_has_an_empty_inventory(store: Arc<dyn MarketStore>) -> Verdict {
    is(&store.inventory(&eth()).await?, &Inventory::default())?;
    short(instrument("binance", "BTC/USDT"), 3).write(&*store).await?;
    is(&store.inventory(&eth()).await?, &Inventory::default())?;
    store
        .append(&batch(at(5), Changes { trades: vec![trade(at(1), 1, at(5))], ..Changes::default() }), None)
        .await?;
    let inventory = store.inventory(&eth()).await?;
    ensure!(inventory.trades.is_some() && inventory.books.is_none(), "{inventory:?}");
    ensure!(inventory.candles.iter().all(Option::is_none), "{inventory:?}");
    Ok(())
}

async fn inventories_of_instruments_are_apart(store: Arc<dyn MarketStore>) -> Verdict {
    for (exchange, symbol, seed) in
        [("binance", "ETH/USDT", 5), ("kraken", "ETH/USDT", 6), ("binance", "BTC/USDT", 7)]
    {
        short(instrument(exchange, symbol), seed).write(&*store).await?;
    }
    let of = |exchange, symbol, seed| short(instrument(exchange, symbol), seed).reference().inventory();
    is(&store.inventory(&eth()).await?, &of("binance", "ETH/USDT", 5))?;
    is(&store.inventory(&instrument("kraken", "ETH/USDT")).await?, &of("kraken", "ETH/USDT", 6))
}

/// Twice as dense in the second half, and a hole between.
async fn a_long_table_is_counted_about_right(store: Arc<dyn MarketStore>) -> Verdict {
    let seconds = (0..10_000).map(|n| n * 2).chain(30_000..40_000);
    let candles: Vec<_> = seconds.map(|second| candle(Timeframe::S1, at(second), 1, at(50_000))).collect();
    let rows = candles.len() as u64;
    ensure!(rows > COUNTED_ROWS, "too few rows to be estimated");
    let (first, last) = (candles[0].open_time(), candles[candles.len() - 1].open_time());
    let trades = (0..i64::try_from(COUNTED_ROWS).unwrap_or(0)).map(|n| trade(at(n), n, at(50_000))).collect();
    let candles = candles.into_iter().map(|candle| becomes(candle, None)).collect();
    store.append(&batch(at(50_000), Changes { candles, trades, ..Changes::default() }), None).await?;
    let inventory = store.inventory(&eth()).await?;
    let [Some(seconds), ..] = inventory.candles else { return Err("no seconds".to_owned().into()) };
    ensure!((seconds.first, seconds.last) == (first, last), "{seconds:?}");
    ensure!(seconds.rows.abs_diff(rows) <= rows / 5, "{} rows where there are {rows}", seconds.rows);
    ensure!(seconds.estimated || seconds.rows == rows, "said to be exact: {seconds:?}");
    let trades = inventory.trades.ok_or_else(|| "no trades".to_owned())?;
    ensure!((trades.rows, trades.estimated) == (COUNTED_ROWS, false), "not counted: {trades:?}");
    Ok(())
}

async fn sizes_are_of_the_whole_store(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let Some(sizes) = store.sizes().await? else { return Ok(()) };
    let tables: u64 = sizes.tables.iter().map(|table| table.bytes).sum();
    ensure!(sizes.bytes > 10_000 && tables <= sizes.bytes, "{sizes:?}");
    ensure!(sizes.tables.is_sorted_by(|a, b| a.bytes >= b.bytes), "the largest is not first: {sizes:?}");
    Ok(())
}

fn is(got: &Inventory, expected: &Inventory) -> Verdict {
    ensure!(got == expected, "got      {got:?}\n  expected {expected:?}");
    Ok(())
}
