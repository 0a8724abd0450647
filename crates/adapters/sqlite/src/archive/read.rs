//! Replaced versions and refused records as streams, and which instruments there are.

use std::collections::BTreeSet;

use async_trait::async_trait;
use onetape_domain::candle::SupersededCandle;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_ports::{StoreError, SupersededQuery};
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::READ;
use crate::bounds::Bounds;
use crate::candles::{self, PerTimeframe, for_each_table};
use crate::columns::{Columns, Unread, Values as _};
use crate::error::{broken_row, failed};
use crate::keyset::{Keyset, Part, Table};
use crate::pages::PAGE;
use crate::quarantine;

static SUPERSEDED: PerTimeframe =
    PerTimeframe::new(|| for_each_table(include_str!("../queries/archive_superseded_page.sql")));

pub(super) async fn instruments(pool: &SqlitePool) -> Result<BTreeSet<Instrument>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("../queries/archive_instruments.sql"))
        .fetch_all(pool)
        .await
        .map_err(failed(READ))?;
    let instrument = |(exchange, symbol): (String, String)| Instrument::try_new(&exchange, &symbol);
    rows.into_iter().map(instrument).collect::<Result<_, _>>().map_err(broken_row(READ))
}

/// Versions that others took the place of.
pub(super) struct Superseded(pub(super) SupersededQuery);

#[async_trait]
impl Table for Superseded {
    type Row = SupersededCandle;

    async fn open(&self, connection: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let SupersededQuery { instrument, timeframe, range, as_of } = &self.0;
        let Some(bounds) = Bounds::read(connection, instrument, READ).await? else { return Ok(None) };
        let fixed = [bounds.id, range.end().micros(), as_of.micros()];
        let key = vec![Part::Int(range.start().micros()), Part::Int(i64::MIN)];
        Ok(Some(Keyset::new(READ, SUPERSEDED.of(*timeframe), &[0, 15], PAGE, fixed, key)))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<SupersededCandle>, StoreError> {
        let version = |row| {
            let mut columns = Columns::new(row);
            let candle = candles::candle(&mut columns, self.0.timeframe)?;
            Ok(SupersededCandle { candle, known_to: columns.time()? })
        };
        rows.iter().map(version).collect::<Result<_, Unread>>().map_err(Unread::of(READ))
    }
}

/// Refused records.
pub(super) struct Quarantined;

#[async_trait]
impl Table for Quarantined {
    type Row = QuarantinedRecord;

    async fn open(&self, _: &mut SqliteConnection) -> Result<Option<Keyset>, StoreError> {
        let page = include_str!("../queries/archive_quarantine_page.sql");
        Ok(Some(Keyset::new(READ, page, &[7], PAGE, [], vec![Part::Int(i64::MIN)])))
    }

    fn decode(&self, rows: &[SqliteRow]) -> Result<Vec<QuarantinedRecord>, StoreError> {
        rows.iter().map(quarantine::decode).collect()
    }
}
