//! Clocks: the checkpoint an instrument goes on from.

use std::collections::BTreeSet;

use async_trait::async_trait;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{ClockStore, StoreError};
use serde::de::DeserializeOwned;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use crate::bounds::Bounds;
use crate::columns::{Columns, Unread, Values as _};
use crate::error::{broken_row, failed, unfit};
use crate::session::{self, Session};
use crate::store::SqliteStore;

const READ: &str = "read the clock";

#[async_trait]
impl ClockStore for SqliteStore {
    async fn clock(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let found = clock(session.connection()?, instrument).await;
        session.finish(found).await
    }

    async fn flushed(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError> {
        let issued: Option<i64> = sqlx::query_scalar(include_str!("queries/flushed.sql"))
            .bind(instrument.exchange().as_str())
            .bind(instrument.symbol().as_str())
            .fetch_optional(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        Ok(issued.map(Timestamp::from_micros))
    }

    async fn instruments(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(include_str!("queries/instruments.sql"))
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        let instrument = |(exchange, symbol): (String, String)| Instrument::try_new(&exchange, &symbol);
        rows.into_iter().map(instrument).collect::<Result<_, _>>().map_err(broken_row(READ))
    }
}

pub(crate) async fn clock(
    connection: &mut SqliteConnection,
    instrument: &Instrument,
) -> Result<Option<InstrumentClock>, StoreError> {
    let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
    let row = sqlx::query(include_str!("queries/clock.sql"))
        .bind(bounds.id)
        .fetch_optional(connection)
        .await
        .map_err(failed(READ))?;
    row.map(|row| decode(&row, instrument)).transpose()
}

fn decode(row: &SqliteRow, instrument: &Instrument) -> Result<InstrumentClock, StoreError> {
    let mut columns = Columns::new(row);
    let mut times = || Ok((columns.time()?, columns.time()?, columns.optional_time()?));
    let (issued, live_since, watermark) = times().map_err(Unread::of(READ))?;
    let (state, book): (&str, Option<&str>) =
        (columns.take().map_err(Unread::of(READ))?, columns.take().map_err(Unread::of(READ))?);
    Ok(InstrumentClock {
        instrument: instrument.clone(),
        issued,
        live_since,
        watermark,
        state: parse(state)?,
        book: book.map(parse).transpose()?,
    })
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, StoreError> {
    let unreadable = "the stored state of the clock does not fit its model";
    serde_json::from_str(json).map_err(|error| unfit(READ, unreadable).with_source(error))
}
