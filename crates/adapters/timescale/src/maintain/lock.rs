//! One maintenance at a time: an advisory lock of the database, held by the connection that does the work.

use std::fmt;

use onetape_domain::time::Timestamp;
use onetape_ports::StoreError;
use sqlx::PgConnection;

use super::MAINTAIN;
use crate::error::failed;
use crate::micros::Micros;

/// Any number that nobody else uses.
const LOCK: i64 = 0x6f6e_6574_6170_6502;

/// Who maintains the store at the moment. What the role may not see of it is left out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Holder {
    /// Process of the server that serves it; none where it has just ended.
    pub pid: Option<i32>,
    /// What it calls itself.
    pub application: Option<String>,
    /// Address it connects from; none for a socket of the same machine.
    pub address: Option<String>,
    /// Since when it is connected.
    pub since: Option<Timestamp>,
}

type HolderRow = (Option<i32>, Option<String>, Option<String>, Option<Micros>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, application, address, since } = self;
        f.write_str(application.as_deref().unwrap_or("another session"))?;
        if let Some(address) = address {
            write!(f, " from {address}")?;
        }
        if let Some(pid) = pid {
            write!(f, ", process {pid} of the server")?;
        }
        since.map_or(Ok(()), |since| write!(f, ", connected since {since}"))
    }
}

/// Takes the lock, which ends with the connection; gives the holder where somebody else has it.
pub(super) async fn acquire(connection: &mut PgConnection) -> Result<Option<Holder>, StoreError> {
    let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed(MAINTAIN))?;
    if taken {
        return Ok(None);
    }
    let row: Option<HolderRow> = sqlx::query_as(include_str!("../queries/maintain/lock_holder.sql"))
        .bind(LOCK)
        .fetch_optional(connection)
        .await
        .map_err(failed(MAINTAIN))?;
    let (pid, application, address, since) = row.unwrap_or_default();
    let application = application.filter(|name| !name.is_empty());
    Ok(Some(Holder { pid, application, address, since: since.map(Timestamp::from) }))
}
