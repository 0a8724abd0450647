//! A2 through the library, and the three cadences of order book data.

use onetape::domain::decimal::canonical;
use onetape::prelude::*;
use onetape_testkit::data::golden_rows;

use crate::support::replayed;

#[tokio::test]
async fn a2_every_sampled_second_is_the_golden_one() {
    let Some((tape, _)) = replayed().await else { return };
    let frame = tape
        .provider()
        .get_order_book_data("ETH/USDT", None, BookAggregation::S1, 1_000)
        .await
        .expect("books");
    let want = golden_rows("hft_spot_ETHUSDT_book_1s.csv");
    assert_eq!(frame.points.len(), want.len());
    for (point, want) in frame.points.iter().zip(&want) {
        let book = &point.snapshot;
        assert_eq!(book.sequence().to_string(), want[1]);
        let numbers = [
            Some(book.bids()[0].price.get()),
            Some(book.bids()[0].size.get()),
            Some(book.asks()[0].price.get()),
            Some(book.asks()[0].size.get()),
            book.mid_price(),
            book.spread(),
            Some(book.bid_volume().get()),
            Some(book.ask_volume().get()),
            book.imbalance(),
        ];
        let want: Vec<_> =
            want[2..].iter().map(|field| field.parse().map(canonical).expect("decimal")).collect();
        assert_eq!(
            numbers.map(|number| number.map(canonical).unwrap_or_default()).as_slice(),
            want.as_slice()
        );
    }
}

#[tokio::test]
async fn minutes_are_their_last_seconds_and_raw_is_the_live_book() {
    let Some((tape, _)) = replayed().await else { return };
    let provider = tape.provider();
    let minutes =
        provider.get_order_book_data("ETH/USDT", None, BookAggregation::M1, 100).await.expect("books");
    let seconds: Vec<i64> =
        minutes.points.iter().map(|p| p.snapshot.second().micros() / 1_000_000 % 60).collect();
    assert_eq!(seconds, vec![59; minutes.points.len()]);
    assert_eq!(minutes.points.len(), 11, "eleven minutes ended on the tape");
    assert!(minutes.replayable);

    let live = provider.get_order_book_data("ETH/USDT", None, BookAggregation::Raw, 5).await.expect("book");
    assert!(!live.replayable);
    assert_eq!(
        (live.bids[0].price.to_string(), live.asks[0].price.to_string()),
        ("2677.6".into(), "2677.61".into())
    );
    let at = live.as_of;
    let stored =
        provider.get_order_book_data("ETH/USDT", Some(at), BookAggregation::Raw, 5).await.expect("book");
    assert!(stored.replayable);
    assert_eq!(stored.bids, live.bids, "the partial sample at the end of the feed is the live book");
}
