//! From sqlx's errors to the ports' one error: what kind it is decides what the caller does next.

use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::tls;

/// Says how to get a schema, or a newer one.
pub(crate) const MIGRATE_HINT: &str = "run `onetape db migrate`";
/// Says how to get the extension.
pub(crate) const EXTENSION_HINT: &str =
    "install TimescaleDB, add timescaledb to shared_preload_libraries and restart the server";

/// Says who may do what.
pub(crate) const ROLE_HINT: &str = "this role may not do that; connect as a member of the group role that may \
    (onetape_writer writes, onetape_owner migrates and maintains; `onetape db setup --roles` makes them)";

/// Maps an error of sqlx.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| {
        let (kind, message) = classify(&error);
        StoreError::new(kind, operation, message).with_source(error)
    }
}

/// What the server said, where a failure is its answer.
pub(crate) fn answer(error: &StoreError) -> Option<&dyn DatabaseError> {
    std::error::Error::source(error)?.downcast_ref::<sqlx::Error>()?.as_database_error()
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
    if let Some(message) = tls::explain(error) {
        return (Invalid, message);
    }
    match error {
        sqlx::Error::Database(database) => {
            let Some(error) = database.try_downcast_ref::<PgDatabaseError>() else {
                return (Internal, database.message().to_owned());
            };
            classify_database(error)
        }
        sqlx::Error::Io(_) => (Connection, "the database cannot be reached".to_owned()),
        sqlx::Error::Protocol(_) => (Connection, "the connection to the database broke".to_owned()),
        sqlx::Error::PoolTimedOut => (
            Resource,
            "no connection to the database could be had in time: all are busy, or it does not answer"
                .to_owned(),
        ),
        sqlx::Error::PoolClosed => (Shutdown, "the store is closed".to_owned()),
        sqlx::Error::Configuration(_) => (Invalid, "the connection's settings are wrong".to_owned()),
        sqlx::Error::Migrate(_) => (Schema, "the schema's migrations cannot be run".to_owned()),
        sqlx::Error::Encode(_) => (Data, "a value does not fit its column".to_owned()),
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            (Data, "a stored value does not fit its model".to_owned())
        }
        _ => (Internal, "the database's answer was not understood".to_owned()),
    }
}

fn classify_database(error: &PgDatabaseError) -> (StoreErrorKind, String) {
    let kind = kind_of_sqlstate(error.code());
    let text = error.message();
    if text.contains("must be preloaded") || text.contains("was loaded but must be") {
        return (
            StoreErrorKind::Schema,
            format!("the TimescaleDB extension is not loaded: {EXTENSION_HINT}"),
        );
    }
    let message = match kind {
        StoreErrorKind::Schema => format!("the schema does not fit ({text}): {MIGRATE_HINT}"),
        _ if error.code() == "42501" => format!("{text} (SQLSTATE 42501): {ROLE_HINT}"),
        _ => format!("{text} (SQLSTATE {})", error.code()),
    };
    (kind, message)
}

/// The one place that knows SQLSTATEs.
pub(crate) fn kind_of_sqlstate(code: &str) -> StoreErrorKind {
    use StoreErrorKind::{
        Connection, Data, Internal, Permission, Resource, Schema, Serialization, Shutdown, Timeout,
    };
    match code {
        // admin_shutdown, crash_shutdown, cannot_connect_now
        "57P01" | "57P02" | "57P03" => Shutdown,
        // idle timeouts: the server hung up
        "57P05" | "25P03" | "25P04" => Connection,
        // query_canceled (statement_timeout), lock_not_available (lock_timeout)
        "57014" | "55P03" => Timeout,
        // undefined table, column, function, object; invalid schema name; no such database
        "42P01" | "42703" | "42883" | "42704" | "3F000" | "3D000" => Schema,
        // insufficient_privilege, read_only_sql_transaction (a standby)
        "42501" | "25006" => Permission,
        // io_error, disk full and the like outside class 53
        "58030" => Resource,
        _ => match code.get(..2) {
            Some("08") => Connection,
            Some("53") => Resource,
            Some("40") => Serialization,
            Some("22" | "23" | "44") => Data,
            Some("28") => Permission,
            _ => Internal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_become_kinds() {
        use StoreErrorKind::{
            Connection, Data, Internal, Permission, Resource, Schema, Serialization, Shutdown, Timeout,
        };
        let cases = [
            ("08006", Connection),
            ("57P01", Shutdown),
            ("57P03", Shutdown),
            ("53300", Resource),
            ("53100", Resource),
            ("40001", Serialization),
            ("40P01", Serialization),
            ("57014", Timeout),
            ("55P03", Timeout),
            ("23505", Data),
            ("23514", Data),
            ("22003", Data),
            ("42P01", Schema),
            ("3D000", Schema),
            ("42501", Permission),
            ("28P01", Permission),
            ("42601", Internal),
            ("XX000", Internal),
            ("", Internal),
        ];
        for (code, kind) in cases {
            assert_eq!(kind_of_sqlstate(code), kind, "{code}");
        }
    }
}
