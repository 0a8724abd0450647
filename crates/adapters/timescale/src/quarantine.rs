//! Refused records, each kept once.

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::violation::{Violation, Violations};
use onetape_ports::{QuarantineEntry, QuarantineQuery, QuarantineStore, StoreError};
use sqlx::types::Json;

use crate::candles::natural;
use crate::error::{broken_row, failed, unfit};
use crate::micros::Micros;
use crate::session::Session;
use crate::store::TimescaleStore;

/// Most records in one statement.
const ROWS_PER_STATEMENT: usize = 1_000;

const WRITE: &str = "quarantine records";
const READ: &str = "read quarantined records";
const REMOVE: &str = "remove quarantined records";

pub(crate) type QuarantineRow =
    (String, Option<String>, Option<String>, Json<Vec<Violation>>, String, i64, Option<Micros>);

#[async_trait]
impl QuarantineStore for TimescaleStore {
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
        self.writers()
            .within(WRITE, async {
                let mut new = 0;
                for part in records.chunks(ROWS_PER_STATEMENT) {
                    let names = |name: fn(&Instrument) -> &str| -> Vec<Option<&str>> {
                        part.iter().map(|record| record.instrument.as_ref().map(name)).collect()
                    };
                    // Text until it is in the table: JSONB, which sqlx would send, refuses the escaped NUL.
                    let violations = part.iter().map(|record| serde_json::to_string(&record.violations.0));
                    let violations: Vec<_> = violations
                        .collect::<Result<_, _>>()
                        .map_err(|error| unfit(WRITE, error.to_string()))?;
                    let bytes: Vec<_> = part
                        .iter()
                        .map(|record| i64::try_from(record.payload_bytes).unwrap_or(i64::MAX))
                        .collect();
                    let received: Vec<_> = part.iter().map(|record| record.received_at.map(Micros)).collect();
                    let mut session = Session::single(self.writers(), WRITE).await?;
                    let written = sqlx::query(include_str!("queries/insert_quarantine.sql"))
                        .bind(part.iter().map(|record| storable(&record.origin)).collect::<Vec<_>>())
                        .bind(names(|instrument| instrument.symbol().as_str()))
                        .bind(names(|instrument| instrument.exchange().as_str()))
                        .bind(violations)
                        .bind(part.iter().map(|record| storable(&record.payload)).collect::<Vec<_>>())
                        .bind(bytes)
                        .bind(received)
                        .execute(session.connection()?)
                        .await
                        .map_err(failed(WRITE))?;
                    session.commit().await?;
                    new += written.rows_affected();
                }
                Ok(new)
            })
            .await
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError> {
        let entries = self.quarantine_entries(&QuarantineQuery::newest(limit)).await?;
        Ok(entries.into_iter().map(|entry| entry.record).collect())
    }

    async fn quarantine_entries(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineEntry>, StoreError> {
        self.readers()
            .within(READ, async {
                let QuarantineQuery { id, before, instrument, origin, received, limit } = query;
                let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                let name = |name: fn(&Instrument) -> &str| instrument.as_ref().map(name);
                let mut session = Session::single(self.readers(), READ).await?;
                let rows: Vec<EntryRow> = sqlx::query_as(include_str!("queries/quarantine_entries.sql"))
                    .bind(id.map(number))
                    .bind(before.map(number))
                    .bind(name(|one| one.symbol().as_str()))
                    .bind(name(|one| one.exchange().as_str()))
                    .bind(origin.as_deref())
                    .bind(received.map(|range| Micros(range.start())))
                    .bind(received.map(|range| Micros(range.end())))
                    .bind(i64::try_from(*limit).unwrap_or(i64::MAX))
                    .fetch_all(session.connection()?)
                    .await
                    .map_err(failed(READ))?;
                session.commit().await?;
                rows.into_iter().map(into_entry).collect::<Result<_, _>>().map_err(broken_row(READ))
            })
            .await
    }

    async fn remove_quarantined(&self, ids: &[u64]) -> Result<u64, StoreError> {
        self.writers()
            .within(REMOVE, async {
                let ids: Vec<i64> = ids.iter().filter_map(|id| i64::try_from(*id).ok()).collect();
                let mut session = Session::single(self.writers(), REMOVE).await?;
                let removed = sqlx::query(include_str!("queries/remove_quarantined.sql"))
                    .bind(ids)
                    .execute(session.connection()?)
                    .await
                    .map_err(failed(REMOVE))?;
                session.commit().await?;
                Ok(removed.rows_affected())
            })
            .await
    }
}

type EntryRow =
    (String, Option<String>, Option<String>, Json<Vec<Violation>>, String, i64, Option<Micros>, i64);

fn into_entry(row: EntryRow) -> Result<QuarantineEntry, Violations> {
    let (origin, symbol, exchange, violations, payload, bytes, received_at, id) = row;
    let record = into_record((origin, symbol, exchange, violations, payload, bytes, received_at))?;
    Ok(QuarantineEntry { id: natural("quarantine.id", id)?, record })
}

/// TEXT holds every character but NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

pub(crate) fn into_record(row: QuarantineRow) -> Result<QuarantinedRecord, Violations> {
    let (origin, symbol, exchange, Json(violations), payload, payload_bytes, received_at) = row;
    let instrument = symbol.zip(exchange).map(|(symbol, exchange)| Instrument::try_new(&exchange, &symbol));
    Ok(QuarantinedRecord {
        origin,
        instrument: instrument.transpose()?,
        violations: Violations(violations),
        payload,
        payload_bytes: natural("quarantine.payload_bytes", payload_bytes)?,
        received_at: received_at.map(Into::into),
    })
}
