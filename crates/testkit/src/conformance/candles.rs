//! Cases of [`CandleStore`](onetape_ports::CandleStore): versions, ranges, counts, exactness.

use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::change::Changes;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::trade::TradeKey;
use onetape_ports::{CandleQuery, Knowledge, MarketStore, Selection};

use super::data::{
    ALL, MIDNIGHT, at, batch, becomes, candle, eth, instants, instrument, market, price, range, size, write,
};
use super::{Case, Failure, Verdict, case, ensure, same};
use crate::reference::Reference;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_candle_is_read_in_the_version_known_at_the_instant,
            "Closed candles known at the instant: known_from <= T < known_to."
        ),
        case!(
            candles_of_a_tape_at_many_instants_are_those_of_the_model,
            "Closed candles known at the instant, oldest first."
        ),
        case!(a_candle_range_is_half_open, "All rows whose time lies in the range: start inside, end not."),
        case!(last_n_candles_are_at_most_n_oldest_first, "With Selection::Last(n) at most n."),
        case!(
            last_n_counts_candles_known_at_the_instant,
            "Last(n) counts what is known at the instant, not what is stored."
        ),
        case!(
            corrected_candles_are_final_versions_closed_by_the_watermark,
            "AsCorrected: later corrections are seen, later events are not."
        ),
        case!(candles_streamed_are_the_candles_read, "The same as a stream, for ranges of any size."),
        case!(
            the_current_version_of_a_candle,
            "The current version of one candle; none where there is none."
        ),
        case!(
            replaced_versions_come_lowest_revision_first,
            "All replaced versions of one candle, lowest revision first."
        ),
        case!(a_candle_keeps_every_digit, "Values come back exactly: 28 digits, 12 decimals, tiny and huge."),
        case!(an_unknown_instrument_has_no_candles, "An instrument without rows gives empty answers."),
    ]
}

fn query(timeframe: Timeframe, selection: Selection, as_of: Timestamp) -> CandleQuery {
    CandleQuery { instrument: eth(), timeframe, selection, as_of, knowledge: Knowledge::AsRecorded }
}

async fn a_candle_is_read_in_the_version_known_at_the_instant(store: Arc<dyn MarketStore>) -> Verdict {
    let first = candle(Timeframe::M1, at(60), 1, at(121));
    let second = candle(Timeframe::M1, at(60), 2, at(150));
    let candles = vec![becomes(first, None), becomes(second, Some(first))];
    write(&*store, at(150), Changes { candles, ..Changes::default() }).await?;
    let known = [
        (at(121).plus(-1), None),
        (at(121), Some(first)),
        (at(150).plus(-1), Some(first)),
        (at(150), Some(second)),
        (Timestamp::LATEST, Some(second)),
        (Timestamp::EARLIEST, None),
    ];
    for (as_of, expected) in known {
        for selection in [ALL, Selection::Last(5)] {
            let got = store.candles(&query(Timeframe::M1, selection, as_of)).await?;
            same(&format!("as of {as_of}, {selection:?}"), &got, expected.as_slice())?;
        }
    }
    let other = store.candles(&query(Timeframe::M5, ALL, Timestamp::LATEST)).await?;
    same("another timeframe", &other, &[])
}

async fn candles_of_a_tape_at_many_instants_are_those_of_the_model(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let selections = [ALL, range(at(-40), at(35)), Selection::Last(1), Selection::Last(70)];
    for as_of in instants(market(), 12) {
        for timeframe in Timeframe::ALL {
            for selection in selections {
                for knowledge in [Knowledge::AsRecorded, Knowledge::AsCorrected] {
                    let query = CandleQuery { knowledge, ..query(timeframe, selection, as_of) };
                    let expected = market().reference().select_candles(&query);
                    same(&format!("{query:?}"), &store.candles(&query).await?, &expected)?;
                }
            }
        }
    }
    Ok(())
}

/// Ten 1 s candles from midnight on, each known two seconds after it closed.
async fn ten(store: &dyn MarketStore) -> Result<Vec<Candle>, Failure> {
    let candles: Vec<_> =
        (0..10).map(|second| candle(Timeframe::S1, at(second), 1, at(second + 3))).collect();
    let changes = candles.iter().map(|candle| becomes(*candle, None)).collect();
    write(store, at(12), Changes { candles: changes, ..Changes::default() }).await?;
    Ok(candles)
}

async fn a_candle_range_is_half_open(store: Arc<dyn MarketStore>) -> Verdict {
    let candles = ten(&*store).await?;
    let cases = [
        (at(3), at(7), 3..7),
        (at(3), at(3), 3..3),
        (at(3), at(3).plus(1), 3..4),
        (at(3).plus(1), at(7).plus(1), 4..8),
        (at(-5), at(1), 0..1),
        (at(9), at(50), 9..10),
        (at(10), at(50), 10..10),
    ];
    for (start, end, expected) in cases {
        let got = store.candles(&query(Timeframe::S1, range(start, end), Timestamp::LATEST)).await?;
        same(&format!("[{start}, {end})"), &got, &candles[expected])?;
    }
    let whole = Selection::Range(TimeRange::ALL);
    same("all of time", &store.candles(&query(Timeframe::S1, whole, Timestamp::LATEST)).await?, &candles)
}

async fn last_n_candles_are_at_most_n_oldest_first(store: Arc<dyn MarketStore>) -> Verdict {
    let candles = ten(&*store).await?;
    for (count, from) in [(0, 10), (1, 9), (4, 6), (10, 0), (11, 0), (1_000_000, 0)] {
        let got = store.candles(&query(Timeframe::S1, Selection::Last(count), Timestamp::LATEST)).await?;
        same(&format!("last {count}"), &got, &candles[from..])?;
    }
    Ok(())
}

async fn last_n_counts_candles_known_at_the_instant(store: Arc<dyn MarketStore>) -> Verdict {
    let candles = ten(&*store).await?;
    let got = store.candles(&query(Timeframe::S1, Selection::Last(3), at(9))).await?;
    same("three known by the ninth second", &got, &candles[4..7])
}

async fn corrected_candles_are_final_versions_closed_by_the_watermark(
    store: Arc<dyn MarketStore>,
) -> Verdict {
    market().write(&*store).await?;
    let revised = market().reference().changes().candles.iter().filter(|change| change.candle.revision() > 1);
    let revised: Vec<Candle> = revised.map(|change| change.candle).collect();
    ensure!(!revised.is_empty(), "the sample has no revision");
    for last in revised.iter().step_by(revised.len().div_ceil(10)) {
        let (timeframe, open_time) = (last.timeframe(), last.open_time());
        let selection = range(open_time, last.close_time());
        let first_known = last.close_time().plus(2 * SECOND);
        for as_of in [open_time, last.close_time().plus(-1), first_known, Timestamp::LATEST] {
            let query =
                CandleQuery { knowledge: Knowledge::AsCorrected, ..query(timeframe, selection, as_of) };
            let expected = market().reference().select_candles(&query);
            same(&format!("{query:?}"), &store.candles(&query).await?, &expected)?;
        }
    }
    Ok(())
}

async fn candles_streamed_are_the_candles_read(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    for as_of in instants(market(), 4) {
        for selection in [ALL, range(at(-10), at(20)), Selection::Last(0), Selection::Last(30)] {
            let query = query(Timeframe::S1, selection, as_of);
            let streamed: Vec<Candle> = store.stream_candles(query.clone()).try_collect().await?;
            same(&format!("{query:?}"), &streamed, &store.candles(&query).await?)?;
        }
    }
    Ok(())
}

async fn the_current_version_of_a_candle(store: Arc<dyn MarketStore>) -> Verdict {
    let candles = ten(&*store).await?;
    let key = |timeframe, open_time| CandleKey { timeframe, open_time };
    let got = store.candle(&eth(), key(Timeframe::S1, at(4))).await?;
    same("stored", got.as_slice(), &candles[4..5])?;
    for absent in [key(Timeframe::S1, at(20)), key(Timeframe::M1, MIDNIGHT)] {
        same("absent", store.candle(&eth(), absent).await?.as_slice(), &[])?;
        same("absent", &store.superseded(&eth(), absent).await?, &[])?;
    }
    Ok(())
}

async fn replaced_versions_come_lowest_revision_first(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let mut most = 0;
    for change in &market().reference().changes().candles {
        let key = CandleKey { timeframe: change.candle.timeframe(), open_time: change.candle.open_time() };
        if change.candle.revision() < 2 {
            continue;
        }
        let expected = market().reference().superseded(key);
        most = most.max(expected.len());
        same(&format!("{key:?}"), &store.superseded(&eth(), key).await?, &expected)?;
    }
    ensure!(most >= 3, "the sample has no candle with three replaced versions, only {most}");
    Ok(())
}

async fn a_candle_keeps_every_digit(store: Arc<dyn MarketStore>) -> Verdict {
    let values = [
        ("9999999999999999999999999999", "1234567890123456.789012345678"),
        ("0.000000000001", "0.000000000001"),
        ("0.00000012", "9999999999999999.999999999999"),
        ("1234567890123456.789012345678", "0"),
        ("100.10", "5.0"),
        ("50000", "1000000000000000000000000000"),
    ];
    let mut candles = Vec::new();
    for (second, (value, volume)) in (0_i64..).zip(values) {
        let (value, volume) = (price(value), size(volume));
        let key =
            |micros: i64, sequence, index| TradeKey { event_time: at(second).plus(micros), sequence, index };
        let ohlcv = Ohlcv {
            open: value,
            high: value,
            low: value,
            close: value,
            volume,
            taker_buy_volume: (second % 2 == 0).then_some(volume),
            trade_count: Some(if second == 1 { 5_000_000_000 } else { 7 }),
            first: key(0, if second == 2 { i64::MAX } else { 0 }, 0),
            last: key(999_999, i64::MAX, 3_000_000_000),
        };
        candles.push(
            Candle::closed(Timeframe::S1, at(second), ohlcv, 1, at(9)).map_err(|wrong| wrong.to_string())?,
        );
    }
    let changes = candles.iter().map(|candle| becomes(*candle, None)).collect();
    store.append(&batch(at(9), Changes { candles: changes, ..Changes::default() }), None).await?;
    same("read", &store.candles(&query(Timeframe::S1, ALL, at(9))).await?, &candles)?;
    let parts = store.frame_parts(&super::frames::query(at(9))).await?;
    same("in a frame", &parts.candles[0], &candles)
}

async fn an_unknown_instrument_has_no_candles(store: Arc<dyn MarketStore>) -> Verdict {
    ten(&*store).await?;
    let other = instrument("binance", "BTC/USDT");
    for selection in [ALL, Selection::Last(10)] {
        let query =
            CandleQuery { instrument: other.clone(), ..query(Timeframe::S1, selection, Timestamp::LATEST) };
        same(
            "another instrument",
            &store.candles(&query).await?,
            &Reference::new(other.clone()).select_candles(&query),
        )?;
    }
    Ok(())
}
