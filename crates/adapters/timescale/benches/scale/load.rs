//! Fills a store by COPY, a day a transaction, as an append would: rows, runs of the coverage, the bounds of the
//! instrument and, last, its clock. What is there already is generated again and not written, so that a load that was
//! interrupted goes on where it stopped.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::Instant;

use onetape_domain::change::Changes;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::coverage::{CoverageRow, Stream};
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use onetape_domain::venue::VenueRules;
use onetape_timescale::TimescaleStore;
use sqlx::types::Json;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;

use super::copy::{self, Copy};
use super::market::{Market, Plan};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes of one message of a COPY.
const PIECE: usize = 1 << 18;

/// A day, ready to be written.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) changes: Changes,
    /// The last stamp of its rows.
    pub(crate) issued: Timestamp,
}

/// Loads what is missing; how many rows were written, and in how many seconds.
pub(crate) async fn load(url: &str, instrument: &Instrument, plan: Plan) -> Outcome<(u64, f64)> {
    TimescaleStore::migrate_url(url).await?;
    let mut connection = PgConnection::connect(url).await?;
    let stored: Option<DateTime<Utc>> = sqlx::query_scalar(include_str!("../../src/queries/flushed.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_optional(&mut connection)
        .await?;
    let mut stored = stored.map(|time| Timestamp::from_micros(time.timestamp_micros()));
    // The last second closes after its end.
    if stored.is_some_and(|stored| stored >= plan.end()) {
        return Ok((0, 0.0));
    }
    let (sender, mut parts) = mpsc::channel::<(Part, Vec<Copy>)>(1);
    let (owner, from) = (instrument.clone(), stored);
    let generator = tokio::task::spawn_blocking(move || -> Outcome<()> {
        for_each_part(plan, |part| {
            let is_stored = from.is_some_and(|from| part.issued <= from);
            let copies = if is_stored { Vec::new() } else { copy::encode(&owner, &part.changes) };
            is_stored || sender.blocking_send((part, copies)).is_ok()
        })
    });
    let (begin, mut rows) = (now(), 0);
    while let Some((part, copies)) = parts.recv().await {
        write(&mut connection, instrument, &part, &copies, stored).await?;
        stored = Some(part.issued);
        rows += copies.iter().map(|copy| copy.rows).sum::<u64>();
        let rate = rows as f64 / begin.elapsed().as_secs_f64();
        eprint!("\r{}: {rows} rows, {rate:.0} rows/s ", part.issued);
        io::stderr().flush()?;
    }
    generator.await??;
    if rows > 0 {
        eprintln!();
    }
    Ok((rows, begin.elapsed().as_secs_f64()))
}

/// The history, then a day each, until `take` wants no more.
pub(crate) fn for_each_part(plan: Plan, mut take: impl FnMut(Part) -> bool) -> Outcome<()> {
    let mut market = Market::new(plan);
    let changes = market.history()?;
    if !take(Part { changes, issued: plan.start.plus(SECOND) }) {
        return Ok(());
    }
    while let Some((changes, issued)) = market.next_day()? {
        if !take(Part { changes, issued }) {
            break;
        }
    }
    Ok(())
}

async fn write(
    connection: &mut PgConnection,
    instrument: &Instrument,
    part: &Part,
    copies: &[Copy],
    expected: Option<Timestamp>,
) -> Outcome<()> {
    let mut transaction = connection.begin().await?;
    move_clock(&mut transaction, instrument, part.issued, expected).await?;
    for Copy { statement, bytes, .. } in copies {
        let mut copy = transaction.copy_in_raw(statement).await?;
        for piece in bytes.chunks(PIECE) {
            copy.send(piece).await?;
        }
        copy.finish().await?;
    }
    for stream in [Stream::Trades, Stream::Book] {
        let rows = || part.changes.coverage.iter().filter(move |row| row.stream == stream);
        if let (Some(first), Some(last)) = (rows().next(), rows().next_back()) {
            lengthen_run(&mut transaction, instrument, first, last).await?;
        }
    }
    widen_bounds(&mut transaction, instrument, &part.changes).await?;
    transaction.commit().await?;
    Ok(())
}

async fn move_clock(
    connection: &mut PgConnection,
    instrument: &Instrument,
    issued: Timestamp,
    expected: Option<Timestamp>,
) -> Outcome<()> {
    let clock = clock(instrument, issued)?;
    let sql = match expected {
        None => include_str!("../../src/queries/insert_clock.sql"),
        Some(_) => include_str!("../../src/queries/update_clock.sql"),
    };
    let mut query = sqlx::query(sql)
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(time(clock.issued)?)
        .bind(time(clock.live_since)?)
        .bind(clock.watermark.map(time).transpose()?)
        .bind(Json(&clock.state))
        .bind(clock.book.as_ref().map(Json));
    if let Some(expected) = expected {
        query = query.bind(time(expected)?);
    }
    match query.execute(connection).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(format!("somebody else moved the clock of {instrument}").into()),
    }
}

async fn lengthen_run(
    connection: &mut PgConnection,
    instrument: &Instrument,
    first: &CoverageRow,
    last: &CoverageRow,
) -> Outcome<()> {
    sqlx::query(include_str!("../../src/queries/upsert_runs.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind([last.stream.as_str()])
        .bind([last.state.as_str()])
        .bind([time(last.begin)?])
        .bind([time(last.end)?])
        .bind([last.reason.as_str()])
        .bind([time(first.available_at)?])
        .bind([time(last.available_at)?])
        .bind([time(last.end)?])
        .bind([time(last.available_at)?])
        .execute(connection)
        .await?;
    Ok(())
}

async fn widen_bounds(
    connection: &mut PgConnection,
    instrument: &Instrument,
    changes: &Changes,
) -> Outcome<()> {
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = changes;
    let first_trade = trades.iter().map(|row| row.key.event_time).min();
    let first_book = books.iter().map(|row| row.second()).min();
    let first_imbalance = imbalances.iter().map(|row| row.second).min();
    let times = candles.iter().map(|row| row.candle.ohlcv().first.event_time).chain(first_trade);
    let times = times.chain(coverage.iter().map(|row| row.available_at)).chain(first_book);
    let Some(first_time) = times.min() else { return Ok(()) };
    let leads = trades.iter().map(|row| row.key.event_time.since(row.available_at));
    let leads = leads.chain(coverage.iter().map(|row| row.end.since(row.available_at)));
    let lags = books.iter().map(|row| row.available_at().since(row.second()));
    sqlx::query(include_str!("../../src/queries/widen_bounds.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .bind(time(first_time)?)
        .bind(first_trade.map(time).transpose()?)
        .bind(first_book.map(time).transpose()?)
        .bind(first_imbalance.map(time).transpose()?)
        .bind(leads.max().unwrap_or(0).max(0))
        .bind(lags.max().unwrap_or(0).max(0))
        .execute(connection)
        .await?;
    Ok(())
}

fn time(time: Timestamp) -> Outcome<DateTime<Utc>> {
    time.to_datetime().ok_or_else(|| format!("{time} has no date").into())
}

/// A clock that stands at a stamp.
pub(crate) fn clock(instrument: &Instrument, issued: Timestamp) -> Outcome<InstrumentClock> {
    let (price, size) = (Price::parse("price", "1")?, Quantity::parse("size", "1")?);
    let event = TradeEvent::try_new(issued, TradeId::Numeric(1), price, size, Side::Buy, None)?;
    let message = FeedMessage {
        instrument: instrument.clone(),
        connection: 0,
        sent_at: Some(issued),
        received_at: issued,
        payload: Payload::Trades(vec![event]),
    };
    let mut engine = InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
    engine.process(&message, &mut Changes::default());
    Ok(engine.clock(false).ok_or("a trade is stamped")?)
}

#[expect(clippy::disallowed_methods, reason = "it measures time, and decides nothing by it")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
