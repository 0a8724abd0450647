//! Cases of [`TradeStore`](onetape_ports::TradeStore): the order of keys, ids of every kind, ranges.

use std::sync::Arc;

use futures::TryStreamExt;
use onetape_domain::change::Changes;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{AggregateIds, Side, Trade, TradeKey};
use onetape_ports::{MarketStore, Selection, TimeQuery};

use super::data::{
    ALL, at, eth, everything, instants, instrument, market, named, price, range, size, trade, write,
};
use super::{Case, Failure, Verdict, case, ensure, same};
use crate::generator::Ids;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(trades_come_in_the_order_of_their_keys, "Trades in the order of their keys, oldest first."),
        case!(
            many_trades_in_one_millisecond_keep_their_order,
            "Numeric ids order as numbers: 999 before 1000."
        ),
        case!(
            trades_with_text_ids_come_back_in_order,
            "Without a numeric id the key is the venue's sequence or a hash, with an index."
        ),
        case!(trades_of_a_tape_at_many_instants_are_those_of_the_model, "Trades known at the instant."),
        case!(a_trade_range_is_half_open_by_event_time, "Trades by event time; start inside, end not."),
        case!(last_n_trades_are_the_last_by_key, "Selection::Last(n) of what is known at the instant."),
        case!(
            a_late_trade_is_not_seen_before_its_stamp,
            "Rows stamped later are not seen, whatever their event time."
        ),
        case!(a_trade_keeps_every_field, "Ids, sides, aggregates and exact values come back as written."),
    ]
}

async fn read(store: &dyn MarketStore, query: &TimeQuery) -> Result<Vec<Trade>, Failure> {
    Ok(store.stream_trades(query.clone()).try_collect().await?)
}

async fn trades_come_in_the_order_of_their_keys(store: Arc<dyn MarketStore>) -> Verdict {
    let key = |seconds, sequence, index| TradeKey { event_time: at(seconds), sequence, index };
    let ordered = [
        key(1, 0, 0),
        key(1, 0, 1),
        key(1, 0, 10),
        key(1, 9, 0),
        key(1, 10, 0),
        key(2, -5, 0),
        key(2, 1, 0),
        key(3, 0, 0),
        key(3, i64::MAX, 0),
        key(3, i64::MAX, u32::MAX),
    ];
    let of =
        |key: &TradeKey| Trade { key: *key, trade_id: format!("t{key:?}").into(), ..trade(at(1), 1, at(9)) };
    let expected: Vec<Trade> = ordered.iter().map(of).collect();
    let scattered = [7, 2, 9, 0, 5, 8, 1, 6, 3, 4].map(|place: usize| expected[place].clone()).to_vec();
    write(&*store, at(9), Changes { trades: scattered, ..Changes::default() }).await?;
    same("order", &read(&*store, &everything()).await?, &expected)
}

async fn many_trades_in_one_millisecond_keep_their_order(store: Arc<dyn MarketStore>) -> Verdict {
    let expected: Vec<Trade> = (600..1_400).map(|id| trade(at(1), id, at(2))).collect();
    let mut scattered = expected.clone();
    scattered.sort_by_key(|trade| trade.trade_id.clone());
    write(&*store, at(2), Changes { trades: scattered, ..Changes::default() }).await?;
    same("all", &read(&*store, &everything()).await?, &expected)?;
    let last = TimeQuery { selection: Selection::Last(450), ..everything() };
    same("the last 450", &read(&*store, &last).await?, &expected[350..])?;
    let parts = store.frame_parts(&super::frames::query(at(2))).await?;
    same("in a frame", &parts.open_trades, &expected)
}

async fn trades_with_text_ids_come_back_in_order(store: Arc<dyn MarketStore>) -> Verdict {
    let mut expected = None;
    for ids in [Ids::Text, Ids::Sequenced, Ids::Missing] {
        let name = format!("X{ids:?}/USDT").to_uppercase();
        let other = instrument("bybit", &name);
        let recording = named(ids);
        for batch in recording.batches() {
            let mut batch = batch.clone();
            batch.instrument = other.clone();
            batch.clock.instrument = other.clone();
            store.append(&batch, expected).await?;
            expected = Some(batch.clock.issued);
        }
        expected = None;
        let query = TimeQuery { instrument: other, ..everything() };
        let trades = read(&*store, &query).await?;
        same(&format!("{ids:?}"), &trades, &recording.reference().trades(Timestamp::LATEST))?;
        ensure!(trades.len() > 100, "the sample has only {} trades", trades.len());
    }
    Ok(())
}

async fn trades_of_a_tape_at_many_instants_are_those_of_the_model(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let selections =
        [ALL, range(at(-20), at(0)), Selection::Last(1), Selection::Last(40), Selection::Last(100_000)];
    for as_of in instants(market(), 12) {
        for selection in selections {
            let query = TimeQuery { selection, as_of, ..everything() };
            let expected = market().reference().select_trades(&query);
            same(&format!("{selection:?} as of {as_of}"), &read(&*store, &query).await?, &expected)?;
        }
    }
    Ok(())
}

async fn a_trade_range_is_half_open_by_event_time(store: Arc<dyn MarketStore>) -> Verdict {
    let trades: Vec<Trade> = (0..10).map(|id| trade(at(id), id, at(20))).collect();
    write(&*store, at(20), Changes { trades: trades.clone(), ..Changes::default() }).await?;
    let cases = [
        (at(2), at(5), 2..5),
        (at(2).plus(1), at(5).plus(1), 3..6),
        (at(4), at(4), 4..4),
        (at(-9), at(0), 0..0),
    ];
    for (start, end, expected) in cases {
        let query = TimeQuery { selection: range(start, end), ..everything() };
        same(&format!("[{start}, {end})"), &read(&*store, &query).await?, &trades[expected])?;
    }
    Ok(())
}

async fn last_n_trades_are_the_last_by_key(store: Arc<dyn MarketStore>) -> Verdict {
    let trades: Vec<Trade> = (0..10).map(|id| trade(at(id), id, at(20 - id))).collect();
    write(&*store, at(20), Changes { trades: trades.clone(), ..Changes::default() }).await?;
    for (count, from) in [(0, 10), (1, 9), (3, 7), (10, 0), (5_000, 0)] {
        let query = TimeQuery { selection: Selection::Last(count), ..everything() };
        same(&format!("last {count}"), &read(&*store, &query).await?, &trades[from..])?;
    }
    let query = TimeQuery { selection: Selection::Last(2), as_of: at(14), ..everything() };
    same("the last 2 as of an instant", &read(&*store, &query).await?, &trades[8..])?;
    let query = TimeQuery { as_of: at(14), ..everything() };
    same("all as of an instant", &read(&*store, &query).await?, &trades[6..])
}

async fn a_late_trade_is_not_seen_before_its_stamp(store: Arc<dyn MarketStore>) -> Verdict {
    let (prompt, late) = (trade(at(5), 2, at(6)), trade(at(4), 1, at(8)));
    write(&*store, at(8), Changes { trades: vec![prompt.clone(), late.clone()], ..Changes::default() })
        .await?;
    for (as_of, expected) in [
        (at(6).plus(-1), vec![]),
        (at(6), vec![prompt.clone()]),
        (at(8).plus(-1), vec![prompt.clone()]),
        (at(8), vec![late, prompt]),
    ] {
        let query = TimeQuery { as_of, ..everything() };
        same(&format!("as of {as_of}"), &read(&*store, &query).await?, &expected)?;
        let parts = store.frame_parts(&super::frames::query(as_of)).await?;
        same(&format!("frame as of {as_of}"), &parts.open_trades, &expected)?;
    }
    Ok(())
}

async fn a_trade_keeps_every_field(store: Arc<dyn MarketStore>) -> Verdict {
    let base = |id| trade(at(id), id, at(20));
    let long: String = "x".repeat(onetape_domain::trade::MAX_TRADE_ID_BYTES);
    let trades = vec![
        Trade { price: price("9999999999999999999999999999"), size: size("0.000000000001"), ..base(1) },
        Trade { price: price("0.000000000001"), size: size("9999999999999999.999999999999"), ..base(2) },
        Trade { side: Side::Sell, price: price("100.500"), ..base(3) },
        Trade { aggregate: Some(AggregateIds { first: 7, last: 4_000_000_000 }), ..base(4) },
        Trade { aggregate: Some(AggregateIds { first: 0, last: 0 }), ..base(5) },
        Trade { trade_id: long.into(), ..base(6) },
        Trade { trade_id: "ü-'\"\\%_ 🦀".into(), ..base(7) },
        Trade { received_at: Timestamp::EARLIEST, ..base(8) },
        Trade { received_at: Timestamp::LATEST.plus(-1), ..base(9) },
    ];
    write(&*store, at(20), Changes { trades: trades.clone(), ..Changes::default() }).await?;
    same("fields", &read(&*store, &everything()).await?, &trades)?;
    let other = TimeQuery { instrument: instrument("bybit", "ETH/USDT"), ..everything() };
    same(&format!("{} is not {}", other.instrument, eth()), &read(&*store, &other).await?, &[])
}
