//! Writing the tape: one transaction a batch, one statement a table.
//!
//! Rows travel as one array a column. A batch of any size costs the same few round trips, up to
//! [`ROWS_PER_STATEMENT`] rows each.

pub(crate) mod books;
pub(crate) mod candles;
pub(crate) mod coverage;
#[cfg(feature = "indicators")]
pub(crate) mod indicators;
mod late;
pub(crate) mod trades;

use async_trait::async_trait;
use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::clock::InstrumentClock;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{StoreError, StoreErrorKind, TapeStore};
use sqlx::PgConnection;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::types::Json;

use crate::archive;
use crate::arguments::Arguments;
use crate::clocks;
use crate::error::failed;
use crate::imports;
use crate::micros::Micros;
use crate::session::{READ_WRITE, Session};
use crate::store::TimescaleStore;

const APPEND: &str = "append to the tape";
const RESUME: &str = "wait for those who wrote before";

/// Most rows of one statement: bounds the memory that a large batch needs on both sides.
pub(crate) const ROWS_PER_STATEMENT: usize = 20_000;

#[async_trait]
impl TapeStore for TimescaleStore {
    async fn append(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        self.writers()
            .within(APPEND, async {
                match append_once(self, batch, expected).await {
                    Err(error)
                        if late::is_limit(&error) && late::decompress(self.writers(), batch).await? > 0 =>
                    {
                        append_once(self, batch, expected).await
                    }
                    outcome => outcome,
                }
            })
            .await
    }

    async fn rehearse(&self, batch: &TapeBatch, expected: Option<Timestamp>) -> Result<(), StoreError> {
        self.writers()
            .within(APPEND, async {
                let mut session = Session::begin(self.writers(), READ_WRITE, APPEND).await?;
                match write(session.connection()?, batch, expected).await {
                    Ok(_) => session.rollback().await,
                    Err(error) => session.finish(Err(error)).await,
                }
            })
            .await
    }

    async fn resume(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        self.writers()
            .within(RESUME, async {
                let mut session = Session::begin(self.writers(), READ_WRITE, RESUME).await?;
                let clock = settled_clock(session.connection()?, instrument).await;
                session.finish(clock).await
            })
            .await
    }
}

/// The clock once no transaction has it that writes the instrument. A process may be dead and its COMMIT still on its way:
/// its transaction keeps the locks until the server has that, or knows that it will not come.
async fn settled_clock(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<Option<InstrumentClock>, StoreError> {
    // What the first batch holds, whose clock nobody else sees yet.
    imports::write::lock_instrument(connection, instrument).await?;
    sqlx::query(include_str!("queries/lock_clock.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .execute(&mut *connection)
        .await
        .map_err(failed(RESUME))?;
    clocks::clock(connection, instrument, RESUME).await
}

/// One transaction.
async fn append_once(
    store: &TimescaleStore,
    batch: &TapeBatch,
    expected: Option<Timestamp>,
) -> Result<(), StoreError> {
    let mut session = Session::begin(store.writers(), READ_WRITE, APPEND).await?;
    match write(session.connection()?, batch, expected).await {
        Ok(true) => session.commit().await,
        Ok(false) => session.rollback().await,
        Err(error) => session.finish(Err(error)).await,
    }
}

/// Whether there was anything to write.
async fn write(
    connection: &mut PgConnection,
    batch: &TapeBatch,
    expected: Option<Timestamp>,
) -> Result<bool, StoreError> {
    if expected.is_none() {
        archive::refuse_under_load(connection, &batch.instrument, APPEND).await?;
    }
    // First, since it locks out other writers of the instrument until the end of the transaction.
    if !move_clock(connection, &batch.clock, expected).await.map_err(failed(APPEND))? {
        return match stored_clock(connection, &batch.instrument).await.map_err(failed(APPEND))? {
            Some(stored) if stored == batch.clock.issued => Ok(false),
            stored => Err(conflict(batch, expected, stored)),
        };
    }
    let TapeBatch { instrument, changes, clock: _ } = batch;
    let Changes { trades, candles, books, imbalances, coverage, imports } = changes;
    trades::write(connection, instrument, trades).await?;
    // First, since it reads the closes that were known before.
    #[cfg(feature = "indicators")]
    indicators::write(connection, instrument, candles).await?;
    candles::write(connection, instrument, candles).await?;
    books::write(connection, instrument, books).await?;
    books::write_imbalances(connection, instrument, imbalances).await?;
    coverage::write(connection, instrument, coverage).await?;
    imports::place(connection, instrument, imports, expected.is_none()).await?;
    widen_bounds(connection, instrument, changes).await?;
    Ok(true)
}

/// Moves the clock from `expected` to the batch's own; false where it did not stand there, or would go back.
pub(crate) async fn move_clock(
    connection: &mut PgConnection,
    clock: &InstrumentClock,
    expected: Option<Timestamp>,
) -> Result<bool, sqlx::Error> {
    let sql = match expected {
        None => include_str!("queries/insert_clock.sql"),
        Some(_) => include_str!("queries/update_clock.sql"),
    };
    let mut query = sqlx::query(sql)
        .bind(clock.instrument.symbol().as_str())
        .bind(clock.instrument.exchange().as_str())
        .bind(Micros(clock.issued))
        .bind(Micros(clock.live_since))
        .bind(clock.watermark.map(Micros))
        .bind(Json(&clock.state))
        .bind(clock.book.as_ref().map(Json));
    if let Some(expected) = expected {
        query = query.bind(Micros(expected));
    }
    Ok(query.execute(connection).await?.rows_affected() > 0)
}

pub(crate) async fn stored_clock(
    connection: &mut PgConnection,
    instrument: &Instrument,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let stored: Option<Micros> = sqlx::query_scalar(include_str!("queries/flushed.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_optional(connection)
        .await?;
    Ok(stored.map(Timestamp::from))
}

fn conflict(batch: &TapeBatch, expected: Option<Timestamp>, stored: Option<Timestamp>) -> StoreError {
    let instant =
        |time: Option<Timestamp>| time.map_or_else(|| "nothing".to_owned(), |time| time.to_string());
    let message = format!(
        "another writer moved the clock of {}: it stands at {}, not at {}",
        batch.instrument,
        instant(stored),
        instant(expected),
    );
    StoreError::new(StoreErrorKind::Conflict, APPEND, message)
}

/// Keeps what readers rely on: see the table `instruments`.
async fn widen_bounds(
    connection: &mut PgConnection,
    instrument: &Instrument,
    changes: &Changes,
) -> Result<(), StoreError> {
    let Changes { trades, candles, books, imbalances, coverage, imports: _ } = changes;
    let first_trade = trades.iter().map(|row| row.key.event_time).min();
    let first_book = books.iter().map(|row| row.second()).min();
    let first_imbalance = imbalances.iter().map(|row| row.second).min();
    let times = trades.iter().map(|row| row.key.event_time);
    let times = times.chain(candles.iter().map(|row| row.candle.ohlcv().first.event_time));
    let times = times.chain(coverage.iter().map(|row| row.available_at));
    let Some(first_time) = times.chain(first_book).chain(first_imbalance).min() else { return Ok(()) };
    let leads = trades.iter().map(|row| row.key.event_time.since(row.available_at));
    let leads = leads.chain(coverage.iter().map(|row| row.end.since(row.available_at)));
    let lags = books.iter().map(|row| row.available_at().since(row.second()));
    let reach = Reach {
        first_time,
        first_trade,
        first_book,
        first_imbalance,
        lead: leads.max().unwrap_or(0).max(0),
        lag: lags.max().unwrap_or(0).max(0),
    };
    reach.write(connection, instrument).await
}

/// Where rows lie.
pub(crate) struct Reach {
    pub(crate) first_time: Timestamp,
    pub(crate) first_trade: Option<Timestamp>,
    pub(crate) first_book: Option<Timestamp>,
    pub(crate) first_imbalance: Option<Timestamp>,
    /// The most that an event time, or the end of a coverage row, lies ahead of its stamp.
    pub(crate) lead: i64,
    /// The most that a book's stamp lies behind its second.
    pub(crate) lag: i64,
}

impl Reach {
    pub(crate) async fn write(
        self,
        connection: &mut PgConnection,
        instrument: &Instrument,
    ) -> Result<(), StoreError> {
        let Self { first_time, first_trade, first_book, first_imbalance, lead, lag } = self;
        sqlx::query(include_str!("queries/widen_bounds.sql"))
            .bind(instrument.symbol().as_str())
            .bind(instrument.exchange().as_str())
            .bind(Micros(first_time))
            .bind(first_trade.map(Micros))
            .bind(first_book.map(Micros))
            .bind(first_imbalance.map(Micros))
            .bind(lead)
            .bind(lag)
            .execute(connection)
            .await
            .map(drop)
            .map_err(failed(APPEND))
    }
}

/// Runs one statement with its arguments.
async fn run(
    connection: &mut PgConnection,
    sql: &str,
    arguments: Result<Arguments, BoxDynError>,
) -> Result<(), StoreError> {
    let arguments: PgArguments =
        arguments.map_err(|error| failed(APPEND)(sqlx::Error::Encode(error)))?.done();
    sqlx::query_with(sql, arguments).execute(connection).await.map(drop).map_err(failed(APPEND))
}
