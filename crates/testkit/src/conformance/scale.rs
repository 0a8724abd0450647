//! Cases of size, names and apartness: what goes wrong only with a lot, or with odd names.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use onetape_domain::change::Changes;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::{CandleQuery, Knowledge, MarketStore, Selection, TimeQuery};

use super::data::{at, batch, becomes, candle, eth, everything, instrument, market, range, short, trade};
use super::{Case, Verdict, case, ensure, same, same_dump};
use crate::dump::dump;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(a_large_range_streams_in_order, "Rows read as they come, whatever the range.", LargeBatches),
        case!(a_large_batch_is_written_whole, "A batch of any size is one transaction.", LargeBatches),
        case!(a_stream_given_up_leaves_the_store_usable, "A reader may stop reading at any row."),
        case!(
            streams_of_one_store_run_side_by_side,
            "Several readers at once see the same rows.",
            Concurrency
        ),
        case!(two_exchanges_with_the_same_symbol_stay_apart, "Exchange is part of every key."),
        case!(
            symbols_of_odd_shape_are_names_like_any_other,
            "Every valid symbol and exchange can be stored."
        ),
    ]
}

const MANY: i64 = 50_000;

async fn a_large_range_streams_in_order(store: Arc<dyn MarketStore>) -> Verdict {
    let mut expected = None;
    for part in 0..5 {
        let (from, to) = (part * MANY / 5, (part + 1) * MANY / 5);
        let stamp = at(1_000 + part);
        let trades = (from..to).map(|id| trade(at(0).plus(id * 1_000), id, stamp)).collect();
        store.append(&batch(stamp, Changes { trades, ..Changes::default() }), expected).await?;
        expected = Some(stamp);
    }
    let mut stream = store.stream_trades(everything());
    let mut next = 0;
    while let Some(trade) = stream.try_next().await? {
        ensure!(trade.key.sequence == next, "trade {} where {next} was due", trade.key.sequence);
        next += 1;
    }
    ensure!(next == MANY, "{next} trades of {MANY}");
    drop(stream);
    let query = TimeQuery { selection: Selection::Last(20_000), ..everything() };
    let last: Vec<_> = store.stream_trades(query).try_collect().await?;
    ensure!(last.len() == 20_000, "{} trades of the last 20000", last.len());
    ensure!(last[0].key.sequence == MANY - 20_000, "the last 20000 begin at {}", last[0].key.sequence);
    Ok(())
}

async fn a_large_batch_is_written_whole(store: Arc<dyn MarketStore>) -> Verdict {
    let candles: Vec<_> =
        (0..20_000).map(|second| candle(Timeframe::S1, at(second), 1, at(30_000))).collect();
    let changes = Changes {
        trades: (0..20_000).map(|id| trade(at(id), id, at(30_000))).collect(),
        candles: candles.iter().map(|candle| becomes(*candle, None)).collect(),
        ..Changes::default()
    };
    let batch = batch(at(30_000), changes);
    store.append(&batch, None).await?;
    store.append(&batch, None).await?;
    let query = CandleQuery {
        instrument: eth(),
        timeframe: Timeframe::S1,
        selection: range(at(100), at(19_000)),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    };
    let streamed: Vec<_> = store.stream_candles(query).try_collect().await?;
    same("candles", &streamed, &candles[100..19_000])
}

async fn a_stream_given_up_leaves_the_store_usable(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    for count in 0..40 {
        let some: Vec<_> = store.stream_trades(everything()).take(count).try_collect().await?;
        ensure!(some.len() == count, "{} trades of {count}", some.len());
        drop(store.stream_coverage(everything()));
    }
    same_dump("afterwards", &dump(&*store, &eth()).await?, &market().reference().dump())
}

async fn streams_of_one_store_run_side_by_side(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let expected = market().reference().trades(Timestamp::LATEST);
    let mut left = store.stream_trades(everything());
    let mut right = store.stream_trades(everything());
    for trade in &expected {
        let (a, b) = (left.try_next().await?, right.try_next().await?);
        same("left", a.as_slice(), std::slice::from_ref(trade))?;
        same("right", b.as_slice(), std::slice::from_ref(trade))?;
        if trade.key.sequence % 500 == 0 {
            store.flushed(&eth()).await?;
        }
    }
    Ok(())
}

async fn two_exchanges_with_the_same_symbol_stay_apart(store: Arc<dyn MarketStore>) -> Verdict {
    let recordings: Vec<_> = [("binance", 1), ("bybit", 2), ("binance-us", 3)]
        .into_iter()
        .map(|(exchange, seed)| short(instrument(exchange, "ETH/USDT"), seed))
        .collect();
    // Batch by batch in turn, so that the rows of one come between those of another.
    let most = recordings.iter().map(|recording| recording.batches().len()).max().unwrap_or(0);
    for number in 0..most {
        for recording in &recordings {
            if let Some(batch) = recording.batches().get(number) {
                let before = number.checked_sub(1).map(|before| recording.batches()[before].clock.issued);
                store.append(batch, before).await?;
            }
        }
    }
    for recording in &recordings {
        let found = dump(&*store, recording.instrument()).await?;
        same_dump(&recording.instrument().to_string(), &found, &recording.reference().dump())?;
    }
    Ok(())
}

async fn symbols_of_odd_shape_are_names_like_any_other(store: Arc<dyn MarketStore>) -> Verdict {
    let longest = format!("{}/USDT", "A".repeat(59));
    let names = [
        ("binance", "BTC/USDT:USDT"),
        ("binance", "BTC/USD:BTC-241227"),
        ("deribit", "BTC/USD:BTC-241227-70000-C"),
        ("okx", "1000SATS/USDT"),
        ("gate.io", "币安人生/USDT"),
        ("x_y-z.0", "A'B\"C/U%_\\"),
        ("kraken", "A$B/C;D"),
        ("binance", longest.as_str()),
    ];
    let recordings: Vec<_> = (100..)
        .zip(names)
        .map(|(seed, (exchange, symbol))| short(instrument(exchange, symbol), seed))
        .collect();
    for recording in &recordings {
        recording.write(&*store).await?;
    }
    for recording in &recordings {
        let found = dump(&*store, recording.instrument()).await?;
        same_dump(&recording.instrument().to_string(), &found, &recording.reference().dump())?;
    }
    let listed = store.instruments().await?;
    ensure!(listed.len() == recordings.len(), "{} instruments of {}", listed.len(), recordings.len());
    Ok(())
}
