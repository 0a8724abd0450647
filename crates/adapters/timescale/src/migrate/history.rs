//! What has been applied to a database, beside what this build knows.
//!
//! Migrations add: tables, columns with defaults, indexes, views. A build therefore works on a schema that later builds
//! have added to, so that programs can be upgraded one after the other. A migration that takes something away, or
//! changes what it means, has a name that begins with `breaking`, and builds that do not know it refuse.

use std::collections::BTreeMap;

use onetape_ports::{StoreError, StoreErrorKind};

use super::MIGRATOR;
use crate::error::failed;
use crate::pools::Pool;
use crate::session::Session;

/// How the names of migrations begin that earlier builds cannot work with.
const BREAKING: &str = "breaking";

/// A migration that has been applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
}

/// One row of the migrator's table.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    version: i64,
    description: String,
    success: bool,
    checksum: Vec<u8>,
}

/// How a database's schema stands to this build's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The same.
    Current,
    /// The first migration it lacks.
    Behind(i64),
    /// It has all that this build knows, and these, which only add to it.
    Newer(Vec<AppliedMigration>),
}

/// What was applied to the database, in order; none where it has no schema at all.
pub(crate) async fn read(pool: &Pool) -> Result<Option<Vec<Row>>, StoreError> {
    const OPERATION: &str = "read the applied migrations";
    let mut session = Session::single(pool, OPERATION).await?;
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(session.connection()?)
        .await
        .map_err(failed(OPERATION))?;
    let rows = if exists {
        let read = sqlx::query_as(include_str!("../queries/migrations.sql"));
        Some(read.fetch_all(session.connection()?).await.map_err(failed(OPERATION))?)
    } else {
        None
    };
    session.commit().await?;
    Ok(rows)
}

/// Those that went through.
pub(crate) fn successful(rows: Vec<Row>) -> Vec<AppliedMigration> {
    rows.into_iter().filter(|row| row.success).map(AppliedMigration::from).collect()
}

/// Compares with what this build knows.
///
/// # Errors
/// `Schema` with what to do, where no migration of this build makes the schema one it can work with.
pub(crate) fn compare(applied: &[Row]) -> Result<Standing, StoreError> {
    let known: BTreeMap<i64, &[u8]> =
        MIGRATOR.iter().map(|migration| (migration.version, &*migration.checksum)).collect();
    compare_with(&known, applied)
}

fn compare_with(known: &BTreeMap<i64, &[u8]>, applied: &[Row]) -> Result<Standing, StoreError> {
    let last = known.keys().next_back().copied().unwrap_or(0);
    let mut newer = Vec::new();
    for row in applied {
        let Row { version, description, success, checksum } = row;
        match known.get(version) {
            _ if !success => {
                return Err(wrong(format!(
                    "migration {version} ({description}) was broken off: restore the database from a backup, or \
                     finish that migration by hand and set its `success` in `_sqlx_migrations`"
                )));
            }
            Some(expected) if *expected == checksum.as_slice() => {}
            Some(_) => {
                return Err(wrong(format!(
                    "migration {version} ({description}) is not the one this build has under that number: the \
                     database was set up by another edition of onetape; use that one, or copy the data to a \
                     database set up by this one"
                )));
            }
            None if *version < last => {
                return Err(wrong(format!(
                    "the database has migration {version} ({description}), which does not belong to this onetape: \
                     use the one that applied it, or copy the data to a database set up by this one"
                )));
            }
            None if description.starts_with(BREAKING) => {
                return Err(wrong(format!(
                    "the schema has migration {version} ({description}), which this build cannot work with: \
                     upgrade onetape"
                )));
            }
            None => newer.push(AppliedMigration { version: *version, description: description.clone() }),
        }
    }
    let missing = known.keys().find(|version| applied.iter().all(|row| row.version != **version));
    match (missing, newer.is_empty()) {
        (None, true) => Ok(Standing::Current),
        (None, false) => Ok(Standing::Newer(newer)),
        (Some(missing), true) => Ok(Standing::Behind(*missing)),
        (Some(missing), false) => {
            let what =
                format!("it also lacks migration {missing}: migrate with that one, or restore a backup");
            Err(of_a_later_build("check the schema", &what, &newer))
        }
    }
}

/// Tells whoever reads the log that programs of different builds are at work.
pub(crate) fn warn_of(newer: &[AppliedMigration]) {
    tracing::warn!(
        schema.newer = newer.len(),
        schema.last = newer.last().map(|migration| migration.version),
        "the schema has migrations that this build does not know; they only add to it, and it works on: upgrade onetape",
    );
}

/// A refusal for what only the later build may do.
pub(crate) fn of_a_later_build(
    operation: &'static str,
    what_to_do: &str,
    newer: &[AppliedMigration],
) -> StoreError {
    let versions: Vec<String> = newer.iter().map(|migration| migration.version.to_string()).collect();
    let versions = versions.join(", ");
    let message =
        format!("the schema is that of a later onetape (it has migration {versions}): {what_to_do}");
    StoreError::new(StoreErrorKind::Schema, operation, message)
}

fn wrong(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Schema, "check the schema", message)
}

impl From<Row> for AppliedMigration {
    fn from(row: Row) -> Self {
        let Row { version, description, success: _, checksum: _ } = row;
        Self { version, description }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: i64, description: &str) -> Row {
        Row { version, description: description.to_owned(), success: true, checksum: vec![1] }
    }

    fn standing(applied: &[Row]) -> Result<Standing, String> {
        let known = BTreeMap::from([(1, &[1_u8][..]), (2, &[1]), (4, &[1])]);
        compare_with(&known, applied).map_err(|error| error.to_string())
    }

    #[test]
    fn what_only_adds_is_tolerated_and_all_else_is_refused_with_what_to_do() {
        let all = || vec![row(1, "a"), row(2, "b"), row(4, "d")];
        let with = |row: Row| all().into_iter().chain([row]).collect::<Vec<_>>();
        assert_eq!(standing(&all()), Ok(Standing::Current));
        assert_eq!(standing(&[]), Ok(Standing::Behind(1)));
        assert_eq!(standing(&all()[..2]), Ok(Standing::Behind(4)));
        let newer = AppliedMigration { version: 7, description: "more".to_owned() };
        assert_eq!(standing(&with(row(7, "more"))), Ok(Standing::Newer(vec![newer])));
        let refused = [
            (with(row(7, "breaking change")), "upgrade onetape"),
            (with(row(3, "foreign")), "does not belong to this onetape"),
            (with(Row { success: false, ..row(7, "more") }), "broken off"),
            (vec![row(1, "a"), Row { checksum: vec![2], ..row(2, "b") }], "not the one this build has"),
            (vec![row(1, "a"), row(2, "b"), row(7, "more")], "lacks migration 4"),
        ];
        for (applied, hint) in refused {
            let message = standing(&applied).unwrap_err();
            assert!(message.contains(hint), "{message}");
        }
    }

    #[test]
    fn migrations_only_add_unless_their_name_says_otherwise() {
        let takes_away = ["DROP ", "RENAME ", "ALTER COLUMN ", "TRUNCATE", "DELETE "];
        for migration in MIGRATOR.iter().filter(|migration| !migration.description.starts_with(BREAKING)) {
            let code =
                migration.sql.lines().map(|line| line.split("--").next().unwrap_or(line).to_uppercase());
            for line in code {
                let found = takes_away.iter().find(|word| line.contains(*word));
                assert_eq!(found, None, "migration {}: {line}", migration.version);
                let adds = line.contains("ADD COLUMN") && line.contains("NOT NULL");
                assert!(!adds || line.contains("DEFAULT"), "migration {}: {line}", migration.version);
            }
        }
    }
}
