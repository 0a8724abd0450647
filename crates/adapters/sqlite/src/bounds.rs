//! What is known of an instrument as a whole: its number, and where its rows can lie.

use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;
use sqlx::SqliteConnection;

use crate::error::failed;

/// An instrument's entry; kept true by every writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The number that keys lead with.
    pub(crate) id: i64,
    /// No row has an earlier time, but for candles, of which none has an earlier first trade.
    pub(crate) first_time: Option<Timestamp>,
    /// The most that a trade's event time, or the end of a coverage row, lies ahead of its stamp.
    pub(crate) lead: i64,
    /// The last stamp of the rows that are being copied in, as it is stored; none where none are.
    pub(crate) loading_to: Option<i64>,
}

impl Bounds {
    /// None of an instrument of which nothing was ever stored.
    pub(crate) async fn read(
        connection: &mut SqliteConnection,
        instrument: &Instrument,
        operation: &'static str,
    ) -> Result<Option<Self>, StoreError> {
        let row: Option<(i64, Option<i64>, i64, Option<i64>)> =
            sqlx::query_as(include_str!("queries/bounds.sql"))
                .bind(instrument.exchange().as_str().to_owned())
                .bind(instrument.symbol().as_str().to_owned())
                .fetch_optional(connection)
                .await
                .map_err(failed(operation))?;
        Ok(row.map(|(id, first_time, lead, loading_to)| Self {
            id,
            first_time: first_time.map(Timestamp::from_micros),
            lead,
            loading_to,
        }))
    }
}
