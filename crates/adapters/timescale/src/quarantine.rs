//! Refused records, each kept once.

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::violation::{Violation, Violations};
use onetape_ports::{QuarantineStore, StoreError};
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

pub(crate) type QuarantineRow =
    (String, Option<String>, Option<String>, Json<Vec<Violation>>, String, i64, Option<Micros>);

#[async_trait]
impl QuarantineStore for TimescaleStore {
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
        let mut new = 0;
        for part in records.chunks(ROWS_PER_STATEMENT) {
            let names = |name: fn(&Instrument) -> &str| -> Vec<Option<&str>> {
                part.iter().map(|record| record.instrument.as_ref().map(name)).collect()
            };
            // Text until it is in the table: JSONB, which sqlx would send, refuses the escaped NUL.
            let violations = part.iter().map(|record| serde_json::to_string(&record.violations.0));
            let violations: Vec<_> =
                violations.collect::<Result<_, _>>().map_err(|error| unfit(WRITE, error.to_string()))?;
            let bytes: Vec<_> =
                part.iter().map(|record| i64::try_from(record.payload_bytes).unwrap_or(i64::MAX)).collect();
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
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError> {
        let mut session = Session::single(self.readers(), READ).await?;
        let rows: Vec<QuarantineRow> = sqlx::query_as(include_str!("queries/quarantined.sql"))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(session.connection()?)
            .await
            .map_err(failed(READ))?;
        session.commit().await?;
        rows.into_iter().map(into_record).collect::<Result<_, _>>().map_err(broken_row(READ))
    }
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
