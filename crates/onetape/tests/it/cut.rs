//! A feed that is cut for ninety seconds: what is missing never looks like data, in any store, live and ever after.

use std::time::Duration;

use onetape::domain::coverage::{CoverageState, HoleState, Stream};
use onetape::domain::message::FeedMessage;
use onetape::domain::time::SECOND;
use onetape::domain::venue::VenueRules;
use onetape::ingestion::{GapOutcome, RepairOptions};
use onetape::prelude::*;
use onetape_testkit::ScriptedHistory;
use onetape_testkit::generator::{Market as SimulatedMarket, faults};

use crate::support::instrument;

const RULES: VenueRules = VenueRules::BINANCE_SPOT;
/// Seconds of the market in which nothing is received.
const CUT: std::ops::Range<i64> = 60..150;

fn market() -> SimulatedMarket {
    SimulatedMarket { seconds: 240, snapshot_every: 10, ..SimulatedMarket::new(instrument(), 9) }
}

fn at(second: i64) -> Timestamp {
    market().start.plus(second * SECOND)
}

/// Frames as they were shown live: instant and canonical text.
type Shown = Vec<(Timestamp, String)>;

async fn feed(tape: &Onetape, messages: &[FeedMessage], shown: &mut Shown) {
    for (place, message) in messages.iter().enumerate() {
        tape.ingestion().ingest(message, RULES).await.expect("taken in");
        if place % 250 == 249 {
            shown.push(frame(tape, None).await);
        }
    }
    shown.push(frame(tape, None).await);
}

async fn frame(tape: &Onetape, at: Option<Timestamp>) -> (Timestamp, String) {
    let frame = tape.get_inference_data("ETH/USDT", at, Duration::from_secs(300)).await.expect("a frame");
    (frame.as_of, frame.to_canonical_json())
}

/// Seconds that lie in the cut as a whole.
fn is_cut(candle: &Candle) -> bool {
    candle.open_time() >= at(CUT.start + 1) && candle.close_time() <= at(CUT.end - 1)
}

async fn a_cut_never_looks_like_data(url: &str, reopens: bool) {
    let all = market().messages();
    // Another connection takes over, as after any reconnect.
    let received = |second| at(second).plus(market().receive_offset);
    let cut = faults::outage(all.clone(), received(CUT.start), received(CUT.end));
    let cut = faults::reconnected(cut, received(CUT.end), 1);
    let tape = Onetape::open(url).await.expect("a store");
    let mut shown = Shown::new();
    feed(&tape, &cut, &mut shown).await;

    // The frame: nothing is claimed of the cut, and its quality says where.
    let filled = Request { limit: 240, fill: FillPolicy::Flat, ..Request::default() };
    for request in [Request { limit: 240, ..Request::default() }, filled] {
        let frame = tape.provider().inference(&instrument(), &request).await.expect("a frame");
        for section in [&frame.ohlcv_1s, &frame.context_data] {
            assert_eq!(section.rows.iter().find(|candle| is_cut(candle)), None);
        }
        for section in ["ohlcv_1s", "ohlcv_1m", "context_data", "imbalances"] {
            let (_, quality) = frame.qualities().find(|(name, _)| name == section).expect("a section");
            let covers = |gap: &TimeRange| gap.start() <= at(CUT.start + 1) && gap.end() >= at(CUT.end - 1);
            let reaches_back = section != "imbalances";
            assert_eq!(quality.gaps.iter().any(covers), reaches_back, "{section}: {quality:?}");
        }
        assert_eq!(frame.ohlcv_1s.quality.tier, Tier::NoData, "{:?}", frame.ohlcv_1s.quality);
    }
    let demanding = Request { limit: 240, min_quality: Some(Tier::Fair), ..Request::default() };
    let refused = tape.provider().inference(&instrument(), &demanding).await.expect_err("too little");
    assert!(matches!(refused, ProviderError::Quality { .. }), "{refused}");

    // The log, and what counts are made of it.
    tape.ingestion().flush().await.expect("written");
    let [known] = &tape.gaps(&[], None).await.expect("gaps")[..] else { panic!("one instrument") };
    let states: Vec<_> = known.gaps.iter().map(|gap| (gap.stream, gap.state)).collect();
    assert_eq!(states, [(Stream::Trades, HoleState::Open), (Stream::Book, HoleState::Unproven)], "{known:?}");
    for gap in &known.gaps {
        assert!(gap.begin <= at(CUT.start + 1) && gap.end >= at(CUT.end - 1), "{gap:?}");
    }
    let summary = tape.ingestion().summary();
    assert_eq!((summary.gaps, summary.gaps_filled, summary.books_lost), (1, 0, 1));

    // Before the repair and after it, here and in another process, what was shown is what is answered.
    let history = ScriptedHistory::of_messages(RULES, &all);
    let report =
        tape.repair_gaps(&[instrument()], &history, &RepairOptions::default()).await.expect("repaired");
    assert_eq!(report.gaps.iter().map(|gap| &gap.outcome).collect::<Vec<_>>(), [&GapOutcome::Filled]);
    shown.push(frame(&tape, None).await);
    let tape = if reopens {
        tape.close(Duration::from_secs(10)).await.expect("closed");
        Onetape::open(url).await.expect("a store")
    } else {
        tape
    };
    for (as_of, live) in &shown {
        assert_eq!(&frame(&tape, Some(*as_of)).await.1, live, "as of {as_of}");
    }

    // Trades are whole again, each under the stamp of its repair; the book of that time is lost.
    let (_, last) = shown.last().expect("frames");
    let last: serde_json::Value = serde_json::from_str(last).expect("json");
    assert_eq!(last["ohlcv_1s"]["quality"]["tier"], "excellent", "{}", last["ohlcv_1s"]["quality"]);
    let [known] = &tape.gaps(&[], None).await.expect("gaps")[..] else { panic!("one instrument") };
    let states: Vec<_> = known.gaps.iter().map(|gap| (gap.stream, gap.state)).collect();
    assert_eq!(states, [(Stream::Book, HoleState::Unproven)], "{known:?}");
    let request = Request { limit: 240, ..Request::default() };
    let frame = tape.provider().inference(&instrument(), &request).await.expect("a frame");
    assert!(frame.ohlcv_1s.rows.iter().filter(|candle| is_cut(candle)).count() > 60);
    let proof = tape.store().coverage_proof(&instrument(), Timestamp::EARLIEST, Timestamp::LATEST).await;
    let rows = proof.expect("coverage");
    assert!(
        rows.iter().any(|row| row.state == CoverageState::Filled && row.reason.ends_with(" arrived")),
        "{rows:?}"
    );
    tape.close(Duration::from_secs(10)).await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_never_looks_like_data_in_memory() {
    a_cut_never_looks_like_data("memory:", false).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_never_looks_like_data_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    a_cut_never_looks_like_data(&format!("sqlite://{}", folder.path().join("cut.db").display()), true).await;
}

#[cfg(feature = "timescale")]
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_never_looks_like_data_on_a_server() {
    let schema = onetape::timescale::fingerprint();
    let template =
        onetape_testdb::Template::new("onetape", schema, |url| async move { onetape::migrate(&url).await });
    let Some(database) = onetape_testdb::database(&template).await else { return };
    a_cut_never_looks_like_data(database.url(), true).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn another_writer_is_seen_by_its_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("two.db").display());
    let (writer, other) =
        (Onetape::open(&url).await.expect("a store"), Onetape::open(&url).await.expect("a store"));
    let messages = market().messages();
    let (first, rest) = messages.split_at(messages.len() / 2);
    feed(&writer, first, &mut Shown::new()).await;
    writer.ingestion().flush().await.expect("written");
    let look = Duration::from_millis(300);
    let instruments = [instrument()];
    assert_eq!(other.written_elsewhere(&instruments, look).await.expect("asked"), None);
    let writing = async {
        for message in rest {
            feed(&writer, std::slice::from_ref(message), &mut Shown::new()).await;
            writer.ingestion().flush().await.expect("written");
        }
        std::future::pending::<()>().await;
    };
    let seen = tokio::select! {
        seen = other.written_elsewhere(&instruments, look) => seen,
        () = writing => panic!("it never ends"),
    };
    assert_eq!(seen.expect("asked"), Some(instrument()));
    writer.close(Duration::from_secs(10)).await.expect("closed");
}
