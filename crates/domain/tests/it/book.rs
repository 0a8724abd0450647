//! A2: the book of the real tape, its sampled seconds, imbalance windows and buckets.

use std::collections::BTreeMap;

use onetape_domain::book::{BookLevel, BookSnapshot};
use onetape_domain::bucket::PriceBucket;
use onetape_domain::change::Changes;
use onetape_domain::decimal::canonical;
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::message::Payload;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::tape::{data_dir, golden, instrument, messages, run, tickers};

fn decimal(text: &str) -> String {
    canonical(text.parse::<Decimal>().expect("decimal"))
}

fn optional(value: Option<Decimal>) -> String {
    value.map(canonical).unwrap_or_default()
}

#[test]
fn a2_every_second_of_the_book_equals_the_golden_one() {
    let Some(messages) = messages() else { return };
    let (_, changes) = run(&messages, SECOND / 2);
    let books: BTreeMap<Timestamp, _> =
        changes.books.iter().filter(|book| !book.flags().partial).map(|book| (book.second(), book)).collect();
    let rows = golden("hft_spot_ETHUSDT_book_1s.csv").expect("golden");
    for row in &rows {
        let second = row[0].parse::<Timestamp>().expect("time").plus(-SECOND);
        let book = books.get(&second).copied().or_else(|| changes.books.last()).expect("book");
        let (bid, ask) = (book.bids()[0], book.asks()[0]);
        let best = [bid.price.get(), bid.size.get(), ask.price.get(), ask.size.get()];
        let mut got = vec![book.sequence().to_string()];
        got.extend(best.map(canonical));
        got.extend([book.mid_price(), book.spread()].map(optional));
        got.extend([book.bid_volume(), book.ask_volume()].map(|volume| volume.to_string()));
        got.push(optional(book.imbalance()));
        let want: Vec<_> =
            row[1..].iter().enumerate().map(|(i, f)| if i == 0 { f.clone() } else { decimal(f) }).collect();
        assert_eq!(got, want, "second {second}");
    }
    assert!(books.len() + 1 >= rows.len(), "{} sampled, {} expected", books.len(), rows.len());
}

#[test]
fn every_imbalance_window_equals_the_golden_one() {
    let Some(messages) = messages() else { return };
    let (_, changes) = run(&messages, SECOND / 2);
    let value = |value: Option<Decimal>| optional(value);
    let rows: Vec<Vec<String>> = changes
        .imbalances
        .iter()
        .map(|row| {
            assert_eq!(row.imbalance_1s, row.volume_imbalance_1s);
            vec![
                row.second.to_string(),
                value(row.imbalance_1s),
                value(row.imbalance_5s),
                value(row.volume_imbalance_5s),
                value(row.imbalance_15s),
                value(row.volume_imbalance_15s),
                value(row.imbalance_60s),
                value(row.volume_imbalance_60s),
                value(row.price_range),
            ]
        })
        .collect();
    let normalise = |row: Vec<String>| -> Vec<String> {
        let fields = row.into_iter().enumerate();
        fields.map(|(i, f)| if i == 0 || f.is_empty() { f } else { decimal(&f) }).collect()
    };
    let want: Vec<_> = golden("hft_spot_ETHUSDT_imbalance_windows.csv")
        .expect("golden")
        .into_iter()
        .map(normalise)
        .collect();
    assert_eq!(rows.len(), want.len());
    for (got, want) in rows.iter().zip(&want) {
        assert_eq!(got, want);
    }
}

fn level(value: &Value) -> (String, String) {
    (decimal(value[0].as_str().expect("price")), decimal(value[1].as_str().expect("size")))
}

fn pair(level: &BookLevel) -> (String, String) {
    (level.price.to_string(), level.size.to_string())
}

fn assert_state(book: &BookSnapshot, state: &Value) {
    assert_eq!(book.sequence(), state["last_u"].as_u64().expect("u"));
    assert_eq!(book.event_time().micros(), state["last_event_E"].as_i64().expect("E") * 1_000);
    assert_eq!(
        (pair(&book.bids()[0]), pair(&book.asks()[0])),
        (level(&state["best_bid"]), level(&state["best_ask"]))
    );
    let buckets = state["buckets_floor_1usd_top50"].as_object().expect("buckets");
    let got = PriceBucket::of(book);
    assert_eq!(got.len(), buckets.len());
    for bucket in got {
        let want = &buckets[&canonical(bucket.price)];
        let text = |i: usize| decimal(want[i].as_str().expect("volume"));
        assert_eq!((bucket.bid_volume.to_string(), bucket.ask_volume.to_string()), (text(0), text(2)));
        assert_eq!(
            (u64::from(bucket.bid_count), u64::from(bucket.ask_count)),
            (want[1].as_u64().expect("count"), want[3].as_u64().expect("count"))
        );
    }
}

#[test]
fn a2_book_states_and_buckets_at_the_marks_and_at_the_end() {
    let Some(messages) = messages() else { return };
    let (engine, changes) = run(&messages, SECOND / 2);
    let path = data_dir().expect("data").join("golden/hft_spot_ETHUSDT_book_states.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("file")).expect("json");
    for (mark, state) in golden["ethusdt"].as_object().expect("marks") {
        let book = if mark == "final" {
            changes.books.last().expect("partial sample")
        } else {
            let second = mark.parse::<Timestamp>().expect("time").plus(-SECOND);
            changes.books.iter().find(|book| book.second() == second).expect("sample")
        };
        assert_eq!(book.flags().partial, mark == "final");
        assert_state(book, state);
        if mark == "final" {
            let levels = engine.live_book().expect("live").levels();
            assert_eq!(serde_json::json!([levels.0, levels.1]), state["levels"]);
        }
    }
}

#[test]
fn a2_two_diffs_are_dropped_and_6468_connect() {
    let Some(messages) = messages() else { return };
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT);
    let mut changes = Changes::default();
    let (mut applied, mut dropped) = (0, 0);
    for message in &messages {
        engine.process(message, &mut changes);
        if let Payload::BookDiff(diff) = &message.payload {
            match engine.live_book() {
                Some(book) if book.last_update() == diff.last_update => applied += 1,
                _ => dropped += 1,
            }
            assert!(engine.live_book().is_none_or(|book| !book.is_crossed()));
        }
    }
    assert_eq!((dropped, applied), (2, 6_468));
}

#[test]
fn a2_after_every_diff_the_top_equals_the_venues_own_ticker() {
    let (Some(messages), Some(tickers)) = (messages(), tickers()) else { return };
    let mut engine = InstrumentEngine::new(instrument(), VenueRules::BINANCE_SPOT);
    let mut changes = Changes::default();
    let (mut equal, mut dropped) = (0, 0);
    for message in &messages {
        engine.process(message, &mut changes);
        let Payload::BookDiff(diff) = &message.payload else { continue };
        let Some(book) = engine.live_book().filter(|book| book.last_update() == diff.last_update) else {
            dropped += 1;
            continue;
        };
        let top = book.best_bid().zip(book.best_ask());
        let ticker = tickers.range(..=diff.last_update).next_back().map(|(_, best)| *best);
        assert!(ticker.is_some(), "no ticker up to {}", diff.last_update);
        assert_eq!(top, ticker, "after the diff to {}", diff.last_update);
        equal += 1;
    }
    assert_eq!((tickers.len(), dropped, equal), (58_758, 2, 6_468));
}
