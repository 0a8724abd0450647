//! Indicators of an instrument that was loaded: calculated from its candles, as they would have been when each became
//! known.
//!
//! A row depends on the last 500 closes known at its stamp and on nothing else, so a piece of the candles is calculated
//! from its own versions and from those of enough candles before it.

use std::collections::BTreeMap;

use onetape_domain::frame::indicator_input;
use onetape_domain::indicator::{CloseSeries, MAX_WINDOW};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_ports::StoreError;
use sqlx::PgConnection;

use super::{BEGIN_LONG, LOAD};
use crate::append::indicators::{Row, insert};
use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::candles::{PerTimeframe, for_each_table};
use crate::error::failed;
use crate::micros::Micros;
use crate::numeric::Num;
use crate::session::Session;
use crate::store::TimescaleStore;

static CLOSES: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/archive/closes.sql")));

/// Periods of a piece.
const PERIODS: i64 = 2_000;

/// A version's close: open time, stamp, value.
type Close = (Timestamp, Timestamp, f64);

/// Writes what is not there, a transaction a piece; candles known after `until` are none of the load's.
pub(super) async fn fill(
    store: &TimescaleStore,
    instrument: &Instrument,
    until: Timestamp,
) -> Result<(), StoreError> {
    for timeframe in Timeframe::ALL.into_iter().filter(|timeframe| *timeframe >= Timeframe::M1) {
        let mut session = Session::begin(store.writers(), BEGIN_LONG, LOAD).await?;
        let bounds = Bounds::read(session.connection()?, instrument).await.map_err(failed(LOAD));
        let first = session.finish(bounds).await?.of_candles(timeframe).first_time;
        let mut from = first;
        while from <= until {
            let to = from.plus(timeframe.micros() * PERIODS);
            let mut session = Session::begin(store.writers(), BEGIN_LONG, LOAD).await?;
            let piece = Piece { instrument, timeframe, first, from, to };
            let filled = piece.fill(session.connection()?).await;
            session.finish(filled).await?;
            from = to;
        }
    }
    Ok(())
}

/// Candles that open in `[from, to)`; none opens before `first`.
struct Piece<'a> {
    instrument: &'a Instrument,
    timeframe: Timeframe,
    first: Timestamp,
    from: Timestamp,
    to: Timestamp,
}

impl Piece<'_> {
    async fn fill(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let own = self.closes(connection, self.from).await?;
        if own.is_empty() {
            return Ok(());
        }
        let mut periods = MAX_WINDOW as i64;
        let all = loop {
            let lower = self.from.plus(-self.timeframe.micros() * periods).max(self.first);
            let all = self.closes(connection, lower).await?;
            if lower <= self.first || has_window(&all, self.from) {
                break all;
            }
            periods *= 4;
        };
        let rows = versions(all, self.from);
        insert(connection, self.instrument, self.timeframe, &rows).await
    }

    async fn closes(
        &self,
        connection: &mut PgConnection,
        lower: Timestamp,
    ) -> Result<Vec<Close>, StoreError> {
        let arguments = Arguments::of(self.instrument)
            .and_then(|arguments| arguments.with(self.timeframe.as_str())?.time(lower)?.time(self.to));
        let arguments = arguments.map_err(|error| failed(LOAD)(sqlx::Error::Encode(error)))?;
        let rows: Vec<(Micros, Micros, Num)> =
            sqlx::query_as_with(CLOSES.of(self.timeframe), arguments.done())
                .fetch_all(connection)
                .await
                .map_err(failed(LOAD))?;
        let close = |(Micros(open_time), Micros(known_from), close): (Micros, Micros, Num)| {
            (open_time, known_from, indicator_input(close.0))
        };
        Ok(rows.into_iter().map(close).collect())
    }
}

/// Whether enough candles before `from` were known when the first one from there on was.
fn has_window(closes: &[Close], from: Timestamp) -> bool {
    let Some(since) = closes.iter().filter(|close| close.0 >= from).map(|close| close.1).min() else {
        return true;
    };
    let before = closes.iter().filter(|close| close.0 < from && close.1 <= since).map(|close| close.0);
    before.collect::<std::collections::BTreeSet<_>>().len() >= MAX_WINDOW - 1
}

/// Stamp by stamp, the indicators of candles from `from` on.
fn versions(closes: Vec<Close>, from: Timestamp) -> Vec<Row> {
    let mut by_stamp: BTreeMap<Timestamp, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for (open_time, known_from, close) in closes {
        by_stamp.entry(known_from).or_default().push((open_time, close));
    }
    let mut series = CloseSeries::default();
    let of_stamp = |(known_from, closes): (Timestamp, Vec<(Timestamp, f64)>)| {
        let sets = series.put(&closes);
        let own = sets.into_iter().filter(move |(open_time, _)| *open_time >= from);
        own.map(move |(open_time, set)| Row { open_time, known_from, set })
    };
    by_stamp.into_iter().flat_map(of_stamp).collect()
}
