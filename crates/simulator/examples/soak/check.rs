//! What was stored, compared with what really happened.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use futures::TryStreamExt as _;
use onetape::domain::candle::merge_into;
use onetape::domain::coverage::Stream;
use onetape::ports::{BookQuery, CandleQuery, MarketStore, Selection, TimeQuery};
use onetape::prelude::*;
use onetape::timescale::Maintained;
use onetape::{AuditScope, CopyOptions, KnownGap, Maintenance};
use onetape_simulator::{Script, Simulator};

use crate::clean::{self, Same};

const SECOND: i64 = 1_000_000;

/// What the comparison went through. Whatever is not as it should be is an error instead.
#[derive(Debug, Default)]
pub(crate) struct Found {
    trades: u64,
    missing_trades: u64,
    candles: u64,
    revised: u64,
    books: u64,
    missing_seconds: u64,
    same: Same,
    /// By stream and reason.
    gaps: BTreeMap<String, u64>,
    frames: u64,
    maintained_frames: u64,
    copied_frames: u64,
    /// What maintenance did before they were read again.
    maintenance: String,
    quarantined: u64,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            (self.trades, "trades, each once and as it happened"),
            (self.missing_trades, "trades missing, each named by a gap of the coverage log"),
            (self.candles, "candles, each the sum of its trades"),
            (self.revised, "of them revised"),
            (self.books, "sampled books, each the true one of its update"),
            (self.missing_seconds, "seconds without a book, each in a gap of the coverage log"),
            (self.same.trades, "trades as in a clean run"),
            (self.same.candles, "candles as in a clean run"),
            (self.same.books, "books as in a clean run, flags included, in the same seconds"),
            (self.same.imbalances, "rows of imbalances as in a clean run"),
            (
                self.same.in_gaps,
                "candles and seconds not compared with it, each in a gap of the coverage log",
            ),
            (self.frames, "frames captured live, each the same when read afterwards"),
            (self.maintained_frames, "of them the same after maintenance and a restart"),
            (self.copied_frames, "of them the same in a copy of the store"),
            (self.quarantined, "records in quarantine"),
        ];
        for (count, what) in lines {
            writeln!(f, "{count:>10} {what}")?;
        }
        writeln!(f, "{:>10} gaps in the coverage log, of which", self.gaps.values().sum::<u64>())?;
        for (what, count) in &self.gaps {
            writeln!(f, "{count:>10} {what}")?;
        }
        writeln!(f, "{}", self.maintenance)
    }
}

/// What is told of a gap: its stream, what is to be expected of it, and why it is there, without the numbers.
fn kind_of(gap: &KnownGap) -> String {
    let reason: Vec<&str> =
        gap.reason.split(' ').filter(|word| !word.contains(|letter: char| letter.is_ascii_digit())).collect();
    let lacks = if gap.missing.is_empty() { "" } else { ", ids missing" };
    format!("{} {:?}: {}{lacks}", gap.stream, gap.state, reason.join(" "))
}

/// Compares everything.
///
/// # Errors
/// The first thing that is not as it should be.
pub(crate) async fn compare(
    url: &str,
    frames: &Path,
    simulator: &Simulator,
    instruments: &[Instrument],
) -> Result<Found> {
    let tape = Onetape::open(url).await?;
    let mut found = Found::default();
    for instrument in instruments {
        let script = simulator.truth(instrument);
        let known = tape.gaps(std::slice::from_ref(instrument), None).await?.pop();
        let known = known.with_context(|| format!("nothing is stored of {instrument}"))?;
        for gap in &known.gaps {
            *found.gaps.entry(kind_of(gap)).or_default() += 1;
        }
        let of = |stream| known.gaps.iter().filter(move |gap| gap.stream == stream).collect::<Vec<_>>();
        let store = &**tape.store();
        let clock = store.clock(instrument).await?.context("there is no clock")?;
        let closed = clock.watermark.context("no trade stream is proven")?;
        let checked = async {
            let trades = trades(store, script, &of(Stream::Trades), &mut found).await?;
            candles(store, script, &trades, closed, &mut found).await?;
            books(store, script, &of(Stream::Book), &mut found).await?;
            clean::compare(store, script, &known, &mut found.same).await
        };
        checked.await.with_context(|| instrument.to_string())?;
    }
    found.frames = self::frames(&tape, frames).await?;
    found.quarantined = tape.store().quarantined(1_000_000).await?.len() as u64;
    tape.close(Duration::from_secs(10)).await?;
    found.maintenance = maintain(url).await?;
    let tape = Onetape::open(url).await?;
    found.maintained_frames = self::frames(&tape, frames).await.context("after maintenance")?;
    tape.close(Duration::from_secs(10)).await?;
    let copy = format!("sqlite://{}", frames.with_extension("copy.db").display());
    onetape::copy(url, &copy, &CopyOptions::default(), &mut |_| {}).await?;
    let tape = Onetape::open(&copy).await?;
    found.copied_frames = self::frames(&tape, frames).await.context("in a copy of the store")?;
    tape.close(Duration::from_secs(10)).await?;
    Ok(found)
}

/// Lets everything happen that is due by age: all that was collected is years old. Settings keep all of it.
async fn maintain(url: &str) -> Result<String> {
    match onetape::maintain(url, AuditScope::Everything).await? {
        Maintenance::Timescale(Maintained::Done(report)) => {
            ensure!(report.dropped.is_empty() && report.differences() == 0, "{report}");
            Ok(report.to_string())
        }
        Maintenance::Sqlite(report) => {
            ensure!(report.dropped.is_empty(), "{report}");
            Ok(report.to_string())
        }
        other => anyhow::bail!("maintenance was not done: {other:?}"),
    }
}

/// All rows of an instrument, as they are known by now.
pub(crate) fn everything(script: &Script) -> TimeQuery {
    TimeQuery {
        instrument: script.instrument().clone(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
    }
}

/// All its candles of a timeframe, as they are known by now.
pub(crate) fn all_candles(script: &Script, timeframe: Timeframe) -> CandleQuery {
    CandleQuery {
        instrument: script.instrument().clone(),
        timeframe,
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        knowledge: Knowledge::AsRecorded,
    }
}

/// Every stored trade is a true one, none is there twice, and the coverage log names those that are missing.
async fn trades(
    store: &dyn MarketStore,
    script: &Script,
    gaps: &[&KnownGap],
    found: &mut Found,
) -> Result<Vec<Trade>> {
    let stored: Vec<Trade> = store.stream_trades(everything(script)).try_collect().await?;
    let truth = if script.market() == Market::Spot { script.trades() } else { script.aggregates() };
    let mut by_id = BTreeMap::new();
    for trade in &stored {
        ensure!(by_id.insert(trade.key.sequence, trade).is_none(), "trade {} is there twice", trade.trade_id);
    }
    let (Some(first), Some(last)) = (by_id.keys().next().copied(), by_id.keys().last().copied()) else {
        anyhow::bail!("no trade is stored");
    };
    let is_named =
        |id: i64| gaps.iter().any(|gap| gap.missing.iter().any(|(from, to)| (*from..=*to).contains(&id)));
    let (mut before, mut after) = (0, 0);
    for event in truth.iter().map(|sent| &sent.what) {
        let TradeId::Numeric(id) = *event.id() else { continue };
        match by_id.remove(&id) {
            Some(trade) => {
                let stored = (trade.key.event_time, trade.price, trade.size, trade.side, trade.aggregate);
                let true_one =
                    (event.event_time(), event.price(), event.size(), event.side(), event.aggregate());
                ensure!(stored == true_one, "trade {id} is stored as {stored:?}, and was {true_one:?}");
                found.trades += 1;
            }
            None if id < first => before += 1,
            None if id > last => after += 1,
            None => {
                ensure!(is_named(id), "trade {id} of {} is missing, and no gap says so", event.event_time());
                found.missing_trades += 1;
            }
        }
    }
    ensure!(by_id.is_empty(), "trades that never were: {:?}", by_id.keys());
    // What was before the first connection nobody could know; at the end nothing was disturbed.
    ensure!(before < truth.len() / 4, "{before} trades before the first one are missing");
    ensure!(after == 0, "{after} trades after the last one are missing");
    Ok(stored)
}

/// Every closed candle is the sum of its trades, and every closed period with trades has one.
async fn candles(
    store: &dyn MarketStore,
    script: &Script,
    trades: &[Trade],
    closed: Timestamp,
    found: &mut Found,
) -> Result<()> {
    for timeframe in Timeframe::ALL {
        let mut sums = BTreeMap::new();
        for trade in trades {
            let open_time = timeframe.open_time(trade.key.event_time);
            merge_into(&mut sums, open_time, &Ohlcv::of_trade(trade)).context("a sum of trades")?;
        }
        let query = all_candles(script, timeframe);
        for candle in store.candles(&query).await? {
            let sum = sums.remove(&candle.open_time());
            let (open_time, stored) = (candle.open_time(), candle.ohlcv());
            ensure!(
                sum.as_ref() == Some(stored),
                "the {timeframe} candle of {open_time} is {stored:?}, and its trades give {sum:?}"
            );
            found.candles += 1;
            found.revised += u64::from(candle.revision() > 1);
        }
        let left = sums.keys().find(|open_time| timeframe.close_time(**open_time) <= closed);
        ensure!(left.is_none(), "the {timeframe} candle of {left:?} has trades and is not there");
    }
    Ok(())
}

/// Every sampled book is the true one of its update, and a second without one lies in a gap.
async fn books(
    store: &dyn MarketStore,
    script: &Script,
    gaps: &[&KnownGap],
    found: &mut Found,
) -> Result<()> {
    let query = BookQuery {
        instrument: script.instrument().clone(),
        selection: Selection::Range(TimeRange::ALL),
        as_of: Timestamp::LATEST,
        last_of_minute: false,
        superseded_partials: false,
    };
    let before = found.books;
    let mut stored = store.stream_books(query);
    let mut next: Option<Timestamp> = None;
    while let Some(book) = stored.try_next().await? {
        let update = book.sequence();
        let truth = script.book_at(update).with_context(|| format!("no diff ends with update {update}"))?;
        let (bids, asks) = truth.top();
        ensure!(
            book.bids() == bids && book.asks() == asks,
            "the book of {} is not the one of update {update}",
            book.second()
        );
        found.books += 1;
        let mut second = next.unwrap_or(book.second());
        while second < book.second() {
            let is_named = gaps.iter().any(|gap| gap.begin < second.plus(SECOND) && gap.end > second);
            ensure!(is_named, "there is no book of {second}, and no gap says so");
            found.missing_seconds += 1;
            second = second.plus(SECOND);
        }
        next = Some(book.second().plus(SECOND));
    }
    ensure!(found.books > before, "no book was sampled");
    Ok(())
}

/// What was answered while the market ran is what the store answers for the same instant.
async fn frames(tape: &Onetape, path: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(path)?;
    let mut compared = 0;
    // A process that was killed may have left the beginning of a line.
    for line in text.lines().filter_map(|line| line.strip_suffix(" end")) {
        let mut words = line.splitn(3, ' ');
        let (Some(symbol), Some(instant), Some(captured)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Ok(instant) = instant.parse() else { continue };
        let instant = Timestamp::from_micros(instant);
        let frame = tape.get_inference_data(symbol, Some(instant), Duration::from_secs(20)).await?;
        let now = frame.to_canonical_json();
        ensure!(now == captured, "the frame of {symbol} at {instant} was {captured}, and now it is {now}");
        compared += 1;
    }
    ensure!(compared > 0, "no frame was captured");
    Ok(compared)
}
