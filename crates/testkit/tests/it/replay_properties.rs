//! Properties of replay: what is delivered again changes nothing, and a restart is not seen in the tables.

use onetape_domain::change::Changes;
use onetape_domain::message::FeedMessage;
use onetape_domain::venue::VenueRules;
use onetape_testkit::Recording;
use onetape_testkit::dump::{first_difference, line};
use onetape_testkit::generator::{Ids, Market};
use proptest::prelude::*;

use crate::scenario::{any_feed, instrument, record, tries, with_whole_books};

const RULES: VenueRules = VenueRules::BINANCE_SPOT;

fn state(recording: &Recording) -> String {
    line(&recording.engine().clock(false))
}

fn feed_all(recording: &mut Recording, messages: &[FeedMessage]) {
    messages.iter().for_each(|message| drop(recording.process(message)));
}

fn place(messages: &[FeedMessage], per_mille: usize) -> usize {
    messages.len() * per_mille / 1_000
}

/// Rows one by one, in the order they were made, and the stored state.
fn tables(recording: &Recording) -> String {
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } =
        recording.reference().changes();
    let mut text = String::new();
    trades.iter().for_each(|row| text += &format!("trade {}\n", line(row)));
    candles.iter().for_each(|row| text += &format!("candle {}\n", line(&row.candle)));
    books.iter().for_each(|row| text += &format!("book {}\n", line(row)));
    imbalances.iter().for_each(|row| text += &format!("imbalance {}\n", line(row)));
    coverage.iter().for_each(|row| text += &format!("coverage {}\n", line(row)));
    text + &state(recording)
}

proptest! {
    #![proptest_config(tries(24))]

    #[test]
    fn delivering_any_part_again_changes_nothing(feed in any_feed(), from in 0..1_000_usize, to in 0..1_000_usize) {
        let (messages, _) = feed.feed();
        let mut recording = record(RULES, &messages);
        let before = tables(&recording);
        let part = &messages[place(&messages, from.min(to))..place(&messages, from.max(to))];
        feed_all(&mut recording, part);
        prop_assert_eq!(first_difference(&tables(&recording), &before), None);
        feed_all(&mut recording, &messages);
        prop_assert_eq!(first_difference(&tables(&recording), &before), None);
    }

    #[test]
    fn delivering_everything_again_through_another_connection_changes_nothing(feed in any_feed(), at in 0..1_000_usize) {
        let (messages, _) = feed.feed();
        let straight = record(RULES, &messages);
        let other: Vec<_> = messages.iter().map(|message| FeedMessage { connection: 7, ..message.clone() }).collect();
        let at = place(&messages, at);
        let mut recording = record(RULES, &messages[..at]);
        feed_all(&mut recording, &other[..at]);
        feed_all(&mut recording, &messages[at..]);
        feed_all(&mut recording, &other);
        let rows = |recording: &Recording| tables(recording).rsplit_once('\n').map(|(rows, _)| rows.to_owned());
        prop_assert_eq!(first_difference(&rows(&recording).unwrap(), &rows(&straight).unwrap()), None);
        prop_assert_eq!(recording.engine().issued(), straight.engine().issued());
    }

    #[test]
    fn a_restart_of_a_feed_of_whole_books_is_not_seen(feed in any_feed(), at in 0..1_000_usize, with_book in any::<bool>()) {
        let messages = with_whole_books(feed.market().messages());
        let straight = record(RULES, &messages);
        let mut recording = record(RULES, &messages[..place(&messages, at)]);
        recording.restart(with_book);
        feed_all(&mut recording, &messages);
        prop_assert_eq!(first_difference(&tables(&recording), &tables(&straight)), None);
    }

    #[test]
    fn delivering_a_beginning_again_half_way_changes_nothing_later(feed in any_feed(), at in 0..1_000_usize, again in 0..1_000_usize) {
        let (messages, _) = feed.feed();
        let straight = record(RULES, &messages);
        let at = place(&messages, at);
        let (first, rest) = messages.split_at(at);
        let mut recording = record(RULES, first);
        feed_all(&mut recording, &first[..place(first, again)]);
        feed_all(&mut recording, rest);
        prop_assert_eq!(first_difference(&tables(&recording), &tables(&straight)), None);
    }

    #[test]
    fn a_restart_with_everything_delivered_again_is_not_seen(feed in any_feed(), at in 0..1_000_usize, with_book in any::<bool>()) {
        let (messages, _) = feed.feed();
        let straight = record(RULES, &messages);
        let mut recording = record(RULES, &messages[..place(&messages, at)]);
        recording.restart(with_book);
        feed_all(&mut recording, &messages);
        prop_assert_eq!(first_difference(&tables(&recording), &tables(&straight)), None);
    }

    #[test]
    fn a_restart_with_the_journal_delivered_again_is_not_seen(feed in any_feed(), at in 0..1_000_usize) {
        // The stored clock is older than what was processed; the journal has everything.
        let (messages, _) = feed.feed();
        let straight = record(RULES, &messages);
        let at = place(&messages, at);
        let mut recording = record(RULES, &messages[..at]);
        recording.restart(false);
        feed_all(&mut recording, &messages[..at]);
        let book = recording.engine().clock(true).and_then(|clock| clock.book);
        let expected = record(RULES, &messages[..at]).engine().clock(true).and_then(|clock| clock.book);
        prop_assert_eq!(book, expected);
        feed_all(&mut recording, &messages[at..]);
        prop_assert_eq!(first_difference(&tables(&recording), &tables(&straight)), None);
    }

    #[test]
    fn a_restart_with_the_book_goes_on_as_if_nothing_had_happened(feed in any_feed(), at in 0..1_000_usize) {
        let (messages, _) = feed.feed();
        let at = place(&messages, at);
        let mut straight = record(RULES, &messages[..at]);
        // Diffs that wait for a snapshot are not stored, so the book must be live.
        prop_assume!(straight.engine().live_book().is_some());
        let mut recording = straight.clone();
        recording.restart(true);
        feed_all(&mut recording, &messages[at..]);
        feed_all(&mut straight, &messages[at..]);
        prop_assert_eq!(first_difference(&tables(&recording), &tables(&straight)), None);
    }

    #[test]
    fn a_restart_without_the_book_keeps_trades_and_candles(feed in any_feed(), at in 0..1_000_usize) {
        let (messages, _) = feed.feed();
        let straight = record(RULES, &messages);
        let at = place(&messages, at);
        let mut recording = record(RULES, &messages[..at]);
        recording.restart(false);
        feed_all(&mut recording, &messages[at..]);
        let rows = |recording: &Recording| {
            let changes = recording.reference().changes();
            let trades: Vec<_> = changes.trades.iter().map(|row| (row.key, row.price, row.size)).collect();
            let candles: Vec<_> = changes.candles.iter().map(|row| (row.candle.timeframe(), row.candle.open_time(), row.candle.revision(), *row.candle.ohlcv())).collect();
            (trades, candles)
        };
        prop_assert_eq!(rows(&recording), rows(&straight));
    }

    #[test]
    fn an_end_of_feed_half_way_only_adds_partial_samples(feed in any_feed(), at in 0..1_000_usize) {
        let (messages, _) = feed.feed();
        let straight = record(RULES, &messages);
        let at = place(&messages, at);
        let mut recording = record(RULES, &messages[..at]);
        recording.end_of_feed();
        recording.end_of_feed();
        recording.restart(true);
        feed_all(&mut recording, &messages);
        let complete = |recording: &Recording| {
            let books = &recording.reference().changes().books;
            books.iter().filter(|book| !book.flags().partial).map(|book| (book.second(), book.bids().to_vec(), book.sequence())).collect::<Vec<_>>()
        };
        let partial = recording.reference().changes().books.iter().filter(|book| book.flags().partial).count();
        prop_assert!(partial <= 1);
        prop_assert_eq!(complete(&recording), complete(&straight));
    }

    #[test]
    fn a_restart_of_a_feed_with_text_ids_is_not_seen(feed in any_feed(), at in 0..1_000_usize, kind in 0..3_usize) {
        let ids = [Ids::Text, Ids::Sequenced, Ids::Missing][kind];
        let messages = Market { ids, ..feed.market() }.messages();
        let straight = record(VenueRules::PUSHED, &messages);
        let mut recording = Recording::new(instrument(), VenueRules::PUSHED);
        feed_all(&mut recording, &messages[..place(&messages, at)]);
        recording.restart(true);
        feed_all(&mut recording, &messages);
        prop_assert_eq!(first_difference(&tables(&recording), &tables(&straight)), None);
    }
}

/// Two trades that nothing tells apart are two; sent again by another connection they are the same two.
#[test]
fn equal_trades_without_an_id_are_counted_by_connection() {
    use crate::scenario::MIDNIGHT;
    use onetape_domain::decimal::{Price, Quantity};
    use onetape_domain::message::Payload;
    use onetape_domain::trade::{Side, TradeEvent, TradeId};
    let (price, size) = (Price::parse("price", "10").unwrap(), Quantity::parse("size", "1").unwrap());
    let event = TradeEvent::try_new(MIDNIGHT, TradeId::Missing, price, size, Side::Buy, None).unwrap();
    let message = |connection, events: usize| FeedMessage {
        instrument: instrument(),
        connection,
        sent_at: Some(MIDNIGHT),
        received_at: MIDNIGHT,
        payload: Payload::Trades(vec![event.clone(); events]),
    };
    let mut recording = Recording::new(instrument(), VenueRules::PUSHED);
    let trades = |recording: &Recording| recording.reference().changes().trades.len();
    feed_all(&mut recording, &[message(0, 1), message(0, 2)]);
    assert_eq!(trades(&recording), 3);
    feed_all(&mut recording, &[message(1, 1), message(1, 1)]);
    assert_eq!(trades(&recording), 3);
    recording.restart(false);
    feed_all(&mut recording, &[message(0, 2), message(0, 2)]);
    assert_eq!(trades(&recording), 4);
}
