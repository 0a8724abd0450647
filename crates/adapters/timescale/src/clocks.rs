//! Clocks: the checkpoint an instrument goes on from.

use std::collections::BTreeSet;

use async_trait::async_trait;
use onetape_domain::clock::InstrumentClock;
use onetape_domain::engine::EngineState;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FullBook;
use onetape_domain::time::Timestamp;
use onetape_ports::{ClockStore, StoreError};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::error::{broken_row, failed};
use crate::micros::Micros;
use crate::session::Session;
use crate::store::TimescaleStore;

const READ: &str = "read the clock";

type ClockRow = (Micros, Micros, Option<Micros>, Json<EngineState>, Option<Json<FullBook>>);

#[async_trait]
impl ClockStore for TimescaleStore {
    async fn clock(&self, instrument: &Instrument) -> Result<Option<InstrumentClock>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let clock = clock(session.connection()?, instrument, READ).await?;
                session.commit().await?;
                Ok(clock)
            })
            .await
    }

    async fn flushed(&self, instrument: &Instrument) -> Result<Option<Timestamp>, StoreError> {
        self.readers()
            .within(READ, async {
                let mut session = Session::single(self.readers(), READ).await?;
                let issued: Option<Micros> = sqlx::query_scalar(include_str!("queries/flushed.sql"))
                    .bind(instrument.symbol().as_str())
                    .bind(instrument.exchange().as_str())
                    .fetch_optional(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                Ok(issued.map(Timestamp::from))
            })
            .await
    }

    async fn instruments(&self) -> Result<BTreeSet<Instrument>, StoreError> {
        self.readers()
            .within(READ, async { instruments(self, READ, include_str!("queries/instruments.sql")).await })
            .await
    }
}

/// The clock as a statement sees it.
pub(crate) async fn clock(
    connection: &mut PgConnection,
    instrument: &Instrument,
    operation: &'static str,
) -> Result<Option<InstrumentClock>, StoreError> {
    let row: Option<ClockRow> = sqlx::query_as(include_str!("queries/clock.sql"))
        .bind(instrument.symbol().as_str())
        .bind(instrument.exchange().as_str())
        .fetch_optional(connection)
        .await
        .map_err(failed(operation))?;
    Ok(row.map(|(Micros(issued), Micros(live_since), watermark, Json(state), book)| InstrumentClock {
        instrument: instrument.clone(),
        issued,
        live_since,
        watermark: watermark.map(Timestamp::from),
        state,
        book: book.map(|Json(book)| book),
    }))
}

/// Instruments as a statement gives them: exchange and symbol.
pub(crate) async fn instruments(
    store: &TimescaleStore,
    operation: &'static str,
    sql: &'static str,
) -> Result<BTreeSet<Instrument>, StoreError> {
    let mut session = Session::single(store.readers(), operation).await?;
    let rows: Vec<(String, String)> =
        sqlx::query_as(sql).fetch_all(session.connection()?).await.map_err(failed(operation))?;
    session.commit().await?;
    let instrument = |(exchange, symbol): (String, String)| Instrument::try_new(&exchange, &symbol);
    rows.into_iter().map(instrument).collect::<Result<_, _>>().map_err(broken_row(operation))
}
