//! Candles: current versions, and the ones that were known before.

use std::sync::LazyLock;

use async_trait::async_trait;
use futures::TryStreamExt;
use onetape_domain::candle::{Candle, Ohlcv, SupersededCandle};
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::store::RowStream;
use onetape_ports::{CandleQuery, CandleStore, Knowledge, Selection, StoreError};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::bounds::Bounds;
use crate::columns::{Columns, Unread, Values};
use crate::coverage::watermark_second;
use crate::error::failed;
use crate::keyset::{Keyset, Part, Table, TablePages};
use crate::pages::{self, PAGE};
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read candles";

/// After every instant of knowledge: the final versions.
pub(crate) const FOREVER: Timestamp = Timestamp::from_micros(i64::MAX);

static PAGE_OF: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/candles_page.sql")));
static START_OF: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("queries/candles_start.sql")));
static ONE: PerTimeframe = PerTimeframe::new(|| for_each_table(include_str!("queries/candle.sql")));

/// A statement on one of the six tables.
#[derive(Debug)]
pub(crate) struct PerTimeframe(LazyLock<[String; 6]>);

impl PerTimeframe {
    pub(crate) const fn new(make: fn() -> [String; 6]) -> Self {
        Self(LazyLock::new(make))
    }

    pub(crate) fn of(&'static self, timeframe: Timeframe) -> &'static str {
        &self.0[timeframe.index()]
    }
}

/// A statement on `ohlcv_1s`, for each of the tables.
pub(crate) fn for_each_table(sql: &str) -> [String; 6] {
    Timeframe::ALL.map(|timeframe| {
        sql.replace("ohlcv_1s", &format!("ohlcv_{timeframe}")).replace("'1s'", &format!("'{timeframe}'"))
    })
}

/// The columns of a candle.
pub(crate) fn candle(columns: &mut impl Values, timeframe: Timeframe) -> Result<Candle, Unread> {
    let (open_time, known_from) = (columns.time()?, columns.time()?);
    let ohlcv = Ohlcv {
        open: columns.price("candle.open")?,
        high: columns.price("candle.high")?,
        low: columns.price("candle.low")?,
        close: columns.price("candle.close")?,
        volume: columns.quantity("candle.volume")?,
        taker_buy_volume: columns.optional_quantity("candle.taker_buy_volume")?,
        trade_count: Some(columns.natural("candle.trade_count")?),
        first: columns.trade_key()?,
        last: columns.trade_key()?,
    };
    Ok(Candle::closed(timeframe, open_time, ohlcv, columns.natural("candle.revision")?, known_from)?)
}

fn decode(row: &SqliteRow, timeframe: Timeframe) -> Result<Candle, StoreError> {
    candle(&mut Columns::new(row), timeframe).map_err(Unread::of(READ))
}

/// End of the open times that a reader sees, exclusive, and the instant of knowledge. None of final versions where
/// nothing had closed.
pub(crate) fn horizon(
    knowledge: Knowledge,
    as_of: Timestamp,
    timeframe: Timeframe,
    watermark: Option<Timestamp>,
) -> Option<(Timestamp, Timestamp)> {
    match knowledge {
        Knowledge::AsRecorded => Some((as_of.plus(1), as_of)),
        Knowledge::AsCorrected => Some((watermark?.plus(-timeframe.micros()).plus(1), FOREVER)),
    }
}

/// Candles that open in `[start, end)`, as they are known at an instant, as pages.
pub(crate) fn between(
    instrument: i64,
    timeframe: Timeframe,
    (start, end): (Timestamp, Timestamp),
    known: Timestamp,
    operation: &'static str,
) -> Keyset {
    let fixed = [instrument, end.micros(), known.micros()];
    Keyset::new(operation, PAGE_OF.of(timeframe), &[0], PAGE, fixed, vec![Part::Int(start.micros())])
}

struct Candles(CandleQuery);

#[async_trait]
impl Table for Candles {
    type Row = Candle;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let CandleQuery { instrument, timeframe, selection, as_of, knowledge } = &self.0;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        let watermark = match knowledge {
            Knowledge::AsCorrected => watermark_second(connection, bounds.id, *as_of, READ).await?,
            Knowledge::AsRecorded => None,
        };
        let Some((end, known)) = horizon(*knowledge, *as_of, *timeframe, watermark) else { return Ok(None) };
        let (start, end) = match selection {
            Selection::Range(range) => (range.start(), range.end().min(end)),
            Selection::Last(_) => (Timestamp::from_micros(i64::MIN), end),
        };
        let mut keyset = between(bounds.id, *timeframe, (start, end), known, READ);
        if let Selection::Last(count) = selection {
            keyset.begin_at_last(connection, START_OF.of(*timeframe), *count).await?;
        }
        Ok(Some(keyset))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<Candle>, StoreError> {
        rows.iter().map(|row| decode(row, self.0.timeframe)).collect()
    }
}

#[async_trait]
impl CandleStore for SqliteStore {
    async fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, StoreError> {
        self.stream_candles(query.clone()).try_collect().await
    }

    fn stream_candles(&self, query: CandleQuery) -> RowStream<'_, Candle> {
        pages::stream(self.readers(), READ, TablePages::of(Candles(query)))
    }

    async fn candle(&self, instrument: &Instrument, key: CandleKey) -> Result<Option<Candle>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let found = one(session.connection()?, instrument, key).await;
        session.finish(found).await
    }

    async fn superseded(
        &self,
        instrument: &Instrument,
        key: CandleKey,
    ) -> Result<Vec<SupersededCandle>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let found = replaced(session.connection()?, instrument, key).await;
        session.finish(found).await
    }
}

async fn one(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
    key: CandleKey,
) -> Result<Option<Candle>, StoreError> {
    let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
    current(connection, bounds.id, key, READ).await
}

/// The current version.
pub(crate) async fn current(
    connection: &mut SqliteConnection,
    instrument: i64,
    key: CandleKey,
    operation: &'static str,
) -> Result<Option<Candle>, StoreError> {
    let row = sqlx::query(ONE.of(key.timeframe))
        .bind(instrument)
        .bind(key.open_time.micros())
        .fetch_optional(connection)
        .await
        .map_err(failed(operation))?;
    row.map(|row| decode(&row, key.timeframe)).transpose()
}

async fn replaced(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
    key: CandleKey,
) -> Result<Vec<SupersededCandle>, StoreError> {
    let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(Vec::new()) };
    let rows = sqlx::query(include_str!("queries/superseded.sql"))
        .bind(bounds.id)
        .bind(key.timeframe.as_str())
        .bind(key.open_time.micros())
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let decode = |row: &SqliteRow| {
        let mut columns = Columns::new(row);
        let candle = candle(&mut columns, key.timeframe)?;
        Ok(SupersededCandle { candle, known_to: columns.time()? })
    };
    rows.iter().map(decode).collect::<Result<_, Unread>>().map_err(Unread::of(READ))
}
