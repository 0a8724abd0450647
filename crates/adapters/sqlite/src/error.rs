//! From sqlx's errors to the ports' one error: what kind it is decides what the caller does next.

use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};

/// Maps an error of sqlx.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| {
        let (kind, message) = classify(&error);
        StoreError::new(kind, operation, message).with_source(error)
    }
}

/// A stored row that breaks a rule of its model.
pub(crate) fn broken_row(operation: &'static str) -> impl FnOnce(Violations) -> StoreError {
    move |violations| {
        let message = format!("a stored row breaks a rule: {violations}");
        StoreError::new(StoreErrorKind::Data, operation, message).with_source(violations)
    }
}

/// A row that does not fit the columns.
pub(crate) fn unfit(operation: &'static str, message: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Data, operation, message)
}

fn classify(error: &sqlx::Error) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Connection, Data, Internal, Invalid, Resource, Schema, Shutdown};
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().and_then(|code| code.parse().ok()).unwrap_or(0);
            let (kind, what) = kind_of_code(code);
            (kind, format!("{what}: {} (SQLite code {code})", database.message()))
        }
        sqlx::Error::Io(_) => (Connection, "the file cannot be reached".to_owned()),
        sqlx::Error::PoolTimedOut => {
            (Resource, "no connection to the file could be had in time: all are busy".to_owned())
        }
        sqlx::Error::PoolClosed => (Shutdown, "the store is closed".to_owned()),
        sqlx::Error::WorkerCrashed => (Connection, "the connection's thread ended".to_owned()),
        sqlx::Error::Configuration(_) => (Invalid, "the connection's settings are wrong".to_owned()),
        sqlx::Error::Migrate(_) => (Schema, "the schema's migrations cannot be run".to_owned()),
        sqlx::Error::Encode(_) => (Data, "a value does not fit its column".to_owned()),
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            (Data, "a stored value does not fit its model".to_owned())
        }
        _ => (Internal, "the database's answer was not understood".to_owned()),
    }
}

/// The one place that knows SQLite's result codes, of which the low byte is the class.
pub(crate) fn kind_of_code(code: i32) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{
        Connection, Corrupt, Data, Internal, Permission, Resource, Schema, Serialization, Timeout,
    };
    match code {
        // SQLITE_BUSY_SNAPSHOT: what was read is no longer what is there.
        517 => return (Serialization, "another process wrote meanwhile"),
        // SQLITE_READONLY_DBMOVED
        1032 => return (Corrupt, "the file was moved or deleted while it was open"),
        _ => {}
    }
    match code & 0xff {
        // SQLITE_BUSY, after the whole busy timeout
        5 => (Timeout, "another process has held the file's lock for too long"),
        // SQLITE_LOCKED
        6 => (Serialization, "another connection of this process holds a table"),
        // SQLITE_NOMEM
        7 => (Resource, "out of memory"),
        // SQLITE_IOERR
        10 => (Resource, "the file system reported an error"),
        // SQLITE_FULL
        13 => (Resource, "the disk is full"),
        // SQLITE_INTERRUPT, SQLITE_ABORT
        9 | 4 => (Timeout, "the statement was interrupted"),
        // SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH
        3 | 8 | 23 => (Permission, "the file may not be written"),
        // SQLITE_CANTOPEN
        14 => (Connection, "the file cannot be opened; look at its path and permissions"),
        // SQLITE_CORRUPT, SQLITE_NOTADB
        11 => (Corrupt, "the file is damaged; restore a backup"),
        26 => (Corrupt, "the file is no SQLite database"),
        // SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_TOOBIG, SQLITE_RANGE
        19 | 20 | 18 | 25 => (Data, "a row breaks a rule of its table"),
        // SQLITE_SCHEMA
        17 => (Schema, "the schema was changed meanwhile"),
        // SQLITE_ERROR: SQL that does not fit the schema
        1 => (Schema, "the schema does not fit"),
        _ => (Internal, "SQLite failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_become_kinds() {
        use StoreErrorKind::{
            Connection, Corrupt, Data, Internal, Permission, Resource, Serialization, Timeout,
        };
        let cases = [
            (5, Timeout),
            (261, Timeout),
            (517, Serialization),
            (6, Serialization),
            (13, Resource),
            (10, Resource),
            // SQLITE_IOERR_WRITE
            (778, Resource),
            (7, Resource),
            (8, Permission),
            // SQLITE_READONLY_DIRECTORY
            (1544, Permission),
            (1032, Corrupt),
            (14, Connection),
            (11, Corrupt),
            (26, Corrupt),
            // SQLITE_CONSTRAINT_CHECK, SQLITE_CONSTRAINT_PRIMARYKEY
            (275, Data),
            (1555, Data),
            (21, Internal),
            (0, Internal),
        ];
        for (code, kind) in cases {
            assert_eq!(kind_of_code(code).0, kind, "{code}");
        }
    }

    #[test]
    fn what_may_pass_is_retried_and_nothing_else() {
        for (code, retried) in
            [(5, true), (6, true), (13, true), (10, true), (11, false), (26, false), (8, false)]
        {
            let error = StoreError::new(kind_of_code(code).0, "test", "");
            assert_eq!(error.is_retryable(), retried, "{code}");
        }
    }
}
