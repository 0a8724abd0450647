//! Playing a tape by its receive times, on a clock that runs by itself.

use std::time::Duration;

use onetape_domain::instrument::Market;
use onetape_exchanges::{BinanceParser, Pace, TapeFeed, TapeOptions};
use onetape_ports::{Feed, FeedEvent};
use tokio::time::Instant;

use crate::tapes::{self, lines, trade};

fn paced(folder: &tempfile::TempDir, speed: f64, text: &str) -> TapeFeed<BinanceParser> {
    let file = tapes::write(folder.path(), "tape", text);
    let options = TapeOptions { pace: Pace::Times(speed), ..TapeOptions::default() };
    TapeFeed::open(vec![file], BinanceParser::new(Market::Spot), options).expect("a tape")
}

#[tokio::test(start_paused = true)]
async fn lines_fall_due_by_their_receive_times_over_the_speed() {
    let folder = tapes::folder();
    let messages: Vec<String> = (0..11).map(|id| trade("ETHUSDT", id)).collect();
    for (speed, expected) in [(1.0, 10_000), (4.0, 2_500), (0.5, 20_000)] {
        let mut feed = paced(&folder, speed, &lines(&messages));
        let start = Instant::now();
        let delivered = tapes::drain(&mut feed, 100).await;
        assert_eq!(delivered.messages.len(), 11);
        let took = start.elapsed().as_millis();
        assert!((expected..expected + 100).contains(&took), "speed {speed}: {took} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_waiting_loses_nothing() {
    let folder = tapes::folder();
    let messages: Vec<String> = (0..20).map(|id| trade("ETHUSDT", id)).collect();
    let mut feed = paced(&folder, 1.0, &lines(&messages));
    let (mut seen, mut dropped, mut events) = (0, 0, Vec::<FeedEvent>::new());
    loop {
        match tokio::time::timeout(Duration::from_millis(300), feed.next_batch(&mut events, 3)).await {
            Ok(Ok(false)) => break,
            Ok(more) => assert!(more.expect("no error")),
            Err(_) => dropped += 1,
        }
        seen += events.drain(..).count();
    }
    assert_eq!(seen, 20);
    assert!(dropped > 20, "{dropped} calls were dropped");
}

#[tokio::test(start_paused = true)]
async fn receive_times_that_go_back_do_not_wait() {
    let folder = tapes::folder();
    let text = lines(&[trade("ETHUSDT", 1), trade("ETHUSDT", 2)]);
    let reversed: Vec<&str> = text.lines().rev().collect();
    let mut feed = paced(&folder, 1.0, &reversed.join("\n"));
    let start = Instant::now();
    assert_eq!(tapes::drain(&mut feed, 10).await.messages.len(), 2);
    assert!(start.elapsed() < Duration::from_millis(100));
}

#[test]
fn a_speed_that_is_no_positive_number_is_refused() {
    let folder = tapes::folder();
    let file = tapes::write(folder.path(), "tape", "");
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = TapeOptions { pace: Pace::Times(speed), ..TapeOptions::default() };
        let opened = TapeFeed::open(vec![file.clone()], BinanceParser::new(Market::Spot), options);
        assert!(opened.expect_err("a bad speed").to_string().contains("must be a positive number"));
    }
}
