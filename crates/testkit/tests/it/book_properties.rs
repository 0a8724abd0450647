//! Properties of books: what is sampled is the book the venue had, or no claim is made.

use onetape_domain::book::{BookLevel, DEPTH};
use onetape_domain::bucket::PriceBucket;
use onetape_domain::change::Changes;
use onetape_domain::coverage::{Intervals, Stream};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::engine::local_book::{Fit, LocalBook};
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::{BookRule, VenueRules};
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::scenario::{Scenario, any_feed, calm_feed, instrument, record, tries, with_whole_books};
use crate::truth::{TrueBook, books_by_second};

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

fn snapshots(messages: &[FeedMessage]) -> Vec<usize> {
    (0..messages.len()).filter(|place| matches!(messages[*place].payload, Payload::BookSnapshot(_))).collect()
}

/// A local book begun with the snapshot at `place`, with every diff of the feed that connects.
fn followed(rule: BookRule, messages: &[FeedMessage], place: usize) -> LocalBook {
    let mut book = LocalBook::new(rule);
    let Payload::BookSnapshot(snapshot) = &messages[place].payload else { panic!("no snapshot at {place}") };
    book.seed(snapshot);
    for message in messages {
        if let Payload::BookDiff(diff) = &message.payload {
            match book.fit(diff) {
                Fit::Stale => {}
                Fit::Connects => book.apply(diff),
                other => panic!("{other:?} in a feed without losses"),
            }
        }
    }
    book
}

/// The feed from its first snapshot on, which comes before the diff it falls into.
fn from_snapshot(messages: &[FeedMessage]) -> Option<Vec<FeedMessage>> {
    for place in snapshots(messages) {
        let Payload::BookSnapshot(snapshot) = &messages[place].payload else { continue };
        let next = snapshot.last_update + 1;
        let holds = |message: &FeedMessage| match &message.payload {
            Payload::BookDiff(diff) => diff.first_update <= next && next <= diff.last_update,
            _ => false,
        };
        if let Some(from) = messages[..place].iter().position(holds) {
            let received_at = messages[from].received_at;
            let first = FeedMessage { received_at, ..messages[place].clone() };
            return Some(std::iter::once(first).chain(messages[from..].iter().cloned()).collect());
        }
    }
    None
}

fn mean(values: &[Option<Decimal>]) -> Option<Decimal> {
    let values: Option<Vec<Decimal>> = values.iter().copied().collect();
    let values = values.filter(|values| !values.is_empty())?;
    let sum: Decimal = values.iter().sum();
    Some(rounded(sum / Decimal::from(values.len())))
}

fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(6, RoundingStrategy::MidpointNearestEven)
}

proptest! {
    #![proptest_config(tries(24))]

    #[test]
    fn a_book_from_diffs_is_the_book_of_any_later_snapshot(feed in calm_feed(), futures in any::<bool>()) {
        let rule = if futures { BookRule::BinanceFutures } else { BookRule::BinanceSpot };
        let messages = feed.market().messages();
        let places = snapshots(&messages);
        prop_assume!(!places.is_empty());
        let first = followed(rule, &messages, places[0]);
        prop_assert!(!first.is_crossed());
        for place in places {
            prop_assert_eq!(followed(rule, &messages, place).to_full(), first.to_full());
        }
    }

    #[test]
    fn the_live_book_is_the_true_book_and_holds_no_empty_level(feed in calm_feed(), futures in any::<bool>()) {
        let rules = if futures { VenueRules::BINANCE_FUTURES } else { RULES };
        let mut engine = InstrumentEngine::new(instrument(), rules);
        let mut truth: Option<(u64, TrueBook)> = None;
        let mut waiting = Vec::new();
        for message in feed.market().messages() {
            engine.process(&message, &mut Changes::default());
            match &message.payload {
                Payload::BookSnapshot(snapshot) if truth.is_none() => {
                    let mut book = TrueBook::of(snapshot);
                    for diff in std::mem::take(&mut waiting) {
                        let diff: onetape_domain::message::BookDiff = diff;
                        if diff.last_update > snapshot.last_update {
                            book.apply(&diff.bids, &diff.asks);
                        }
                    }
                    truth = Some((snapshot.last_update, book));
                }
                Payload::BookDiff(diff) => match &mut truth {
                    None => waiting.push(diff.clone()),
                    Some((last_update, book)) if diff.last_update > *last_update => {
                        book.apply(&diff.bids, &diff.asks);
                        let live = engine.live_book().expect("live after the first diff that connects");
                        prop_assert_eq!((live.bids(DEPTH), live.asks(DEPTH)), book.top(DEPTH));
                        prop_assert!(!live.is_crossed());
                        let full = live.to_full();
                        prop_assert!(full.bids.iter().chain(&full.asks).all(|level| !level.size.is_zero()));
                        for gone in diff.bids.iter().filter(|level| level.size.is_zero()) {
                            prop_assert!(full.bids.iter().all(|level| level.price != gone.price));
                        }
                    }
                    Some(_) => {}
                },
                _ => {}
            }
        }
    }

    #[test]
    fn every_sample_of_a_covered_second_is_the_true_book(feed in any_feed()) {
        // Diffs in order on one connection; anything may be lost or come twice.
        let feed = Scenario { shuffle: 0, late_per_mille: 0, diff_every_ms: feed.diff_every_ms.min(300), ..feed };
        let truth = books_by_second(&feed.market().messages());
        let recording = feed.record(RULES);
        for sample in &recording.reference().changes().books {
            let levels = (sample.bids().to_vec(), sample.asks().to_vec());
            let partly = sample.flags().partial || sample.flags().early;
            if sample.flags().covered && !partly {
                prop_assert_eq!(Some(&levels), truth.get(&sample.second()), "second {}", sample.second());
            }
            let earliest = sample.second().plus(if partly { 0 } else { SECOND });
            prop_assert!(sample.available_at() >= earliest);
        }
    }

    #[test]
    fn after_a_restart_without_the_book_nothing_is_claimed_that_is_not_so(
        feed in calm_feed(),
        at in 0..1_000_usize,
        missed in 0..400_usize,
        whole in any::<bool>(),
        snapshot_first in any::<bool>(),
    ) {
        let feed = Scenario { diff_every_ms: feed.diff_every_ms.min(300), ..feed };
        let messages = feed.market().messages();
        let truth = books_by_second(&messages);
        let messages = if whole { with_whole_books(messages) } else { messages };
        let at = messages.len() * at / 1_000;
        let on = (at + missed).min(messages.len());
        let opened = snapshot_first.then(|| from_snapshot(&messages[on..])).flatten();
        let snapshot_first = opened.is_some();
        let rest = opened.unwrap_or_else(|| messages[on..].to_vec());
        let mut recording = record(RULES, &messages[..at]);
        recording.restart(false);
        let before = recording.reference().changes().books.last().map(|book| book.second());
        rest.iter().for_each(|message| drop(recording.process(message)));
        let changes = recording.reference().changes();
        for sample in changes.books.iter().filter(|book| book.flags().covered && !book.flags().early) {
            let levels = (sample.bids().to_vec(), sample.asks().to_vec());
            prop_assert_eq!(Some(&levels), truth.get(&sample.second()), "second {}", sample.second());
        }
        let covered = Intervals::of_rows(changes.coverage.iter().filter(|row| row.stream == Stream::Book));
        let returns = |message: &&FeedMessage| {
            matches!(message.payload, Payload::BookSnapshot(_) | Payload::BookState(_))
        };
        let back = rest.iter().find(returns).map(|message| message.received_at);
        if let (Some(before), Some(back)) = (before, back) {
            let (from, to) = (before.plus(SECOND), back.plus(-feed.receive_offset - SECOND).floor_second());
            if from < to {
                prop_assert!(!covered.covers(from, to), "[{}, {}) is covered: {:?}", from, to, covered);
            }
        }
        let snapshots = snapshots(&rest).len();
        if !whole && (snapshots > 1 || snapshot_first) {
            prop_assert!(recording.engine().live_book().is_some(), "the book did not come back");
        }
    }

    #[test]
    fn whole_books_are_sampled_as_the_true_book(feed in calm_feed()) {
        let feed = Scenario { diff_every_ms: feed.diff_every_ms.min(400), ..feed };
        let messages = feed.market().messages();
        let truth = books_by_second(&messages);
        let recording = record(RULES, &with_whole_books(messages));
        let sampled = &recording.reference().changes().books;
        prop_assert!(sampled.len() + 2 >= usize::try_from(feed.seconds).unwrap(), "{} samples", sampled.len());
        for sample in sampled.iter().filter(|book| !book.flags().early) {
            let levels = (sample.bids().to_vec(), sample.asks().to_vec());
            prop_assert_eq!(Some(&levels), truth.get(&sample.second()), "second {}", sample.second());
        }
    }

    #[test]
    fn a_calm_book_is_sampled_each_second_from_its_first_connected_diff(feed in calm_feed()) {
        let feed = Scenario { diff_every_ms: feed.diff_every_ms.min(400), ..feed };
        let recording = feed.record(RULES);
        let truth = books_by_second(&feed.market().messages());
        let seconds: Vec<Timestamp> = recording.reference().changes().books.iter().map(|book| book.second()).collect();
        prop_assert!(seconds.windows(2).all(|pair| pair[1] == pair[0].plus(SECOND)), "{:?}", seconds);
        let sampled: Vec<_> = recording.reference().changes().books.iter().map(|book| (book.second(), (book.bids().to_vec(), book.asks().to_vec()))).collect();
        let expected: Vec<_> = truth.into_iter().take(sampled.len()).collect();
        prop_assert_eq!(&sampled, &expected);
        prop_assert!(sampled.len() + 2 >= usize::try_from(feed.seconds).unwrap(), "{} samples", sampled.len());
    }

    #[test]
    fn imbalances_are_those_of_wholly_covered_samples(feed in any_feed()) {
        let recording = feed.record(RULES);
        let changes = recording.reference().changes();
        let covered: Vec<_> = changes.books.iter().filter(|book| book.flags().covered).collect();
        prop_assert_eq!(covered.len(), changes.imbalances.len());
        for (place, (book, row)) in covered.iter().zip(&changes.imbalances).enumerate() {
            let sum = |side: &[BookLevel]| side.iter().map(|level| level.size.get()).sum::<Decimal>();
            let (bid, ask) = (sum(book.bids()), sum(book.asks()));
            prop_assert_eq!((row.second, row.available_at), (book.second(), book.available_at()));
            prop_assert_eq!((row.bid_volume.get(), row.ask_volume.get()), (bid, ask));
            prop_assert_eq!(row.imbalance_1s, Some(rounded((bid - ask) / (bid + ask))));
            prop_assert_eq!(row.volume_imbalance_1s, row.imbalance_1s);
            let window = |seconds: usize| {
                let from = (place + 1).checked_sub(seconds)?;
                let rows = &changes.imbalances[from..=place];
                rows.windows(2).all(|pair| pair[1].second == pair[0].second.plus(SECOND)).then_some(rows)
            };
            for (seconds, plain, weighted) in [
                (5, row.imbalance_5s, row.volume_imbalance_5s),
                (15, row.imbalance_15s, row.volume_imbalance_15s),
                (60, row.imbalance_60s, row.volume_imbalance_60s),
            ] {
                let rows = window(seconds);
                let singles: Option<Vec<_>> = rows.map(|rows| rows.iter().map(|row| row.imbalance_1s).collect());
                prop_assert_eq!(plain, singles.and_then(|singles| mean(&singles)));
                let sums = rows.map(|rows| {
                    let of = |get: fn(&onetape_domain::imbalance::Imbalances) -> Decimal| rows.iter().map(get).sum::<Decimal>();
                    (of(|row| row.bid_volume.get()), of(|row| row.ask_volume.get()))
                });
                prop_assert_eq!(weighted, sums.map(|(bid, ask)| rounded((bid - ask) / (bid + ask))));
            }
        }
    }

    #[test]
    fn buckets_hold_every_level_once(feed in calm_feed()) {
        for book in &feed.record(RULES).reference().changes().books {
            let buckets = PriceBucket::of(book);
            prop_assert!(buckets.windows(2).all(|pair| pair[0].price < pair[1].price));
            let counts: (u32, u32) = buckets.iter().fold((0, 0), |sum, row| (sum.0 + row.bid_count, sum.1 + row.ask_count));
            prop_assert_eq!(counts, (u32::try_from(book.bids().len()).unwrap(), u32::try_from(book.asks().len()).unwrap()));
            let bid: Decimal = buckets.iter().map(|row| row.bid_volume.get()).sum();
            prop_assert_eq!(bid, book.bid_volume().get());
            for row in &buckets {
                let inside = |level: &&BookLevel| level.price.get() >= row.price && level.price.get() < row.price + row.size.get();
                prop_assert_eq!(book.asks().iter().filter(inside).count(), usize::try_from(row.ask_count).unwrap());
                prop_assert_eq!(row.price % row.size.get(), Decimal::ZERO);
            }
        }
    }

    #[test]
    fn a_book_that_lost_a_diff_is_not_covered_from_there_to_its_return(feed in any_feed()) {
        let feed = Scenario { lost_diffs_per_mille: feed.lost_diffs_per_mille.max(10), crossed_per_mille: 0, shuffle: 0, late_per_mille: 0, repeated_per_mille: 0, reconnect: false, ..feed };
        let (whole, kept) = (feed.market().messages(), feed.feed().0);
        let diffs = |messages: &[FeedMessage]| -> Vec<(u64, Timestamp)> {
            messages.iter().filter_map(|message| match &message.payload {
                Payload::BookDiff(diff) => Some((diff.last_update, message.sent_at.unwrap())),
                _ => None,
            }).collect()
        };
        let (whole, kept_diffs) = (diffs(&whole), diffs(&kept));
        let recording = record(RULES, &kept);
        let log = &recording.reference().changes().coverage;
        let covered = Intervals::of_rows(log.iter().filter(|row| row.stream == Stream::Book));
        for (_, sent_at) in whole.iter().filter(|lost| !kept_diffs.contains(lost)) {
            // Only a later diff can tell that this one is missing.
            if kept_diffs.iter().any(|kept| kept.1 > *sent_at) {
                prop_assert!(!covered.covers(*sent_at, sent_at.plus(1)), "a lost diff of {} is covered: {:?}", sent_at, covered);
            }
        }
    }
}
