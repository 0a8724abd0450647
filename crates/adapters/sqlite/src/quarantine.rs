//! Refused records, each kept once.

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::violation::Violations;
use onetape_ports::{QuarantineEntry, QuarantineQuery, QuarantineStore, StoreError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::arguments::Arguments;
use crate::columns::{Columns, Unread, Values as _};
use crate::error::{failed, unfit};
use crate::session::{self, Session};
use crate::store::SqliteStore;

const WRITE: &str = "quarantine records";
const READ: &str = "read quarantined records";
const REMOVE: &str = "remove quarantined records";

/// Most records in one transaction.
const RECORDS_PER_TRANSACTION: usize = 1_000;

#[async_trait]
impl QuarantineStore for SqliteStore {
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
        let mut new = 0;
        for part in records.chunks(RECORDS_PER_TRANSACTION) {
            let mut session = Session::begin(self.writer(), session::WRITE, WRITE).await?;
            let written = write(session.connection()?, part).await;
            new += session.finish(written).await?;
        }
        Ok(new)
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError> {
        let entries = self.quarantine_entries(&QuarantineQuery::newest(limit)).await?;
        Ok(entries.into_iter().map(|entry| entry.record).collect())
    }

    async fn quarantine_entries(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineEntry>, StoreError> {
        let QuarantineQuery { id, before, instrument, origin, received, limit } = query;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let name = |name: fn(&Instrument) -> &str| instrument.as_ref().map(name);
        let rows = sqlx::query(include_str!("queries/quarantine_entries.sql"))
            .bind(id.map(number))
            .bind(before.map(number))
            .bind(name(|one| one.symbol().as_str()))
            .bind(name(|one| one.exchange().as_str()))
            .bind(origin.as_deref())
            .bind(received.map(|range| range.start().micros()))
            .bind(received.map(|range| range.end().micros()))
            .bind(i64::try_from(*limit).unwrap_or(i64::MAX))
            .fetch_all(self.readers().settled().await)
            .await
            .map_err(failed(READ))?;
        let entry = |row: &SqliteRow| {
            let id: i64 = row.try_get("id").map_err(failed(READ))?;
            Ok(QuarantineEntry { id: id.cast_unsigned(), record: decode(row)? })
        };
        rows.iter().map(entry).collect()
    }

    async fn remove_quarantined(&self, ids: &[u64]) -> Result<u64, StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, REMOVE).await?;
        let removed = remove(session.connection()?, ids).await;
        session.finish(removed).await
    }
}

async fn remove(connection: &mut SqliteConnection, ids: &[u64]) -> Result<u64, StoreError> {
    let mut removed = 0;
    for id in ids.iter().filter_map(|id| i64::try_from(*id).ok()) {
        let result = sqlx::query(include_str!("queries/remove_quarantined.sql"))
            .bind(id)
            .execute(&mut *connection)
            .await
            .map_err(failed(REMOVE))?;
        removed += result.rows_affected();
    }
    Ok(removed)
}

/// Says how many were new.
async fn write(connection: &mut SqliteConnection, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
    let mut new = 0;
    for record in records {
        let QuarantinedRecord { origin, instrument, violations, payload, payload_bytes, received_at } =
            record;
        let violations =
            serde_json::to_string(&violations.0).map_err(|error| unfit(WRITE, error.to_string()))?;
        let name = |name: fn(&Instrument) -> &str| instrument.as_ref().map(|one| name(one).to_owned());
        let mut arguments = Arguments::new().with(digest([origin, payload, &violations]));
        arguments.text(origin);
        arguments.add(name(|one| one.symbol().as_str())).add(name(|one| one.exchange().as_str()));
        arguments.text(&violations).text(payload);
        arguments.natural(*payload_bytes).optional_time(*received_at);
        let arguments = arguments.done().map_err(failed(WRITE))?;
        let written = sqlx::query_with(include_str!("queries/insert_quarantine.sql"), arguments)
            .execute(&mut *connection)
            .await
            .map_err(failed(WRITE))?;
        new += written.rows_affected();
    }
    Ok(new)
}

/// FNV-1a over the texts with their lengths: finds candidates, so collisions do no harm.
fn digest(texts: [&str; 3]) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for text in texts {
        for byte in text.bytes().chain((text.len() as u64).to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash.cast_signed()
}

pub(crate) fn decode(row: &SqliteRow) -> Result<QuarantinedRecord, StoreError> {
    let read = |columns: &mut Columns<'_>| {
        let origin = columns.take()?;
        let (symbol, exchange): (Option<&str>, Option<&str>) = (columns.take()?, columns.take()?);
        let instrument = symbol.zip(exchange).map(|(symbol, exchange)| Instrument::try_new(exchange, symbol));
        let violations: String = columns.take()?;
        let record = QuarantinedRecord {
            origin,
            instrument: instrument.transpose()?,
            violations: Violations::default(),
            payload: columns.take()?,
            payload_bytes: columns.natural("quarantine.payload_bytes")?,
            received_at: columns.optional_time()?,
        };
        Ok((record, violations))
    };
    let (record, violations) = read(&mut Columns::new(row)).map_err(Unread::of(READ))?;
    let violations = serde_json::from_str(&violations)
        .map_err(|error| unfit(READ, "stored violations do not fit their model").with_source(error))?;
    Ok(QuarantinedRecord { violations: Violations(violations), ..record })
}
