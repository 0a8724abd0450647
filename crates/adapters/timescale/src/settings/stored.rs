//! Settings as the database holds them.

use onetape_domain::violation::Violations;
use onetape_ports::{StoreError, StoreErrorKind};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::{LateData, Period, Refresh, Settings, TablePeriods, rules};
use crate::error::{MIGRATE_HINT, failed};
use crate::tables::TABLES;

const READ: &str = "read the settings";

/// What was applied last; none where nothing was.
pub(crate) async fn read(connection: &mut PgConnection) -> Result<Option<Settings>, StoreError> {
    let tables: Vec<(String, PgInterval, Option<PgInterval>, Option<PgInterval>)> =
        sqlx::query_as(include_str!("../queries/layout/read_table_settings.sql"))
            .fetch_all(&mut *connection)
            .await
            .map_err(failed(READ))?;
    if tables.is_empty() {
        return Ok(None);
    }
    let others: Vec<(String, PgInterval)> =
        sqlx::query_as(include_str!("../queries/layout/read_store_settings.sql"))
            .fetch_all(connection)
            .await
            .map_err(failed(READ))?;
    // A table or a period that is younger than what is stored is as by default.
    let mut settings = Settings::default();
    let mut violations = Violations::default();
    for (name, chunk_interval, compress_after, retain_for) in tables {
        let Some(at) = TABLES.iter().position(|table| table.name == name) else { continue };
        let mut period = |what: &str, interval: &PgInterval| {
            let period = Period::of_interval(interval);
            if period.is_none() {
                violations.push(format!("tables.{name}.{what}"), format!("{interval:?}"), "must be a period");
            }
            period
        };
        let chunk_interval = period("chunk_interval", &chunk_interval);
        let compress_after = compress_after.and_then(|interval| period("compress_after", &interval));
        let retain_for = retain_for.and_then(|interval| period("retain_for", &interval));
        if let Some(chunk_interval) = chunk_interval {
            settings.tables[at] = TablePeriods { chunk_interval, compress_after, retain_for };
        }
    }
    for (name, interval) in others {
        let Some(period) = Period::of_interval(&interval) else {
            violations.push(name, format!("{interval:?}"), "must be a period");
            continue;
        };
        match name.as_str() {
            "late_data.lateness" => settings.late_data.lateness = period,
            "late_data.repair_horizon" => settings.late_data.repair_horizon = period,
            "aggregates.refresh_from" => settings.refresh.from = period,
            "aggregates.refresh_until" => settings.refresh.until = period,
            "aggregates.refresh_every" => settings.refresh.every = period,
            _ => {}
        }
    }
    violations.into_result(settings).and_then(rules::check).map(Some).map_err(unusable)
}

/// What was applied last, which a migrated database always has.
pub(crate) async fn applied(connection: &mut PgConnection) -> Result<Settings, StoreError> {
    let missing = || {
        let message = format!("no settings were applied to this database yet: {MIGRATE_HINT}");
        StoreError::new(StoreErrorKind::Schema, READ, message)
    };
    read(connection).await?.ok_or_else(missing)
}

/// Keeps settings; says whether they differ from what was kept.
pub(crate) async fn write(connection: &mut PgConnection, settings: &Settings) -> Result<bool, StoreError> {
    const OPERATION: &str = "store the settings";
    let mut changed = 0;
    for (table, TablePeriods { chunk_interval, compress_after, retain_for }) in settings.tables() {
        changed += sqlx::query(include_str!("../queries/layout/write_table_settings.sql"))
            .bind(table.name)
            .bind(chunk_interval.to_interval())
            .bind(compress_after.map(Period::to_interval))
            .bind(retain_for.map(Period::to_interval))
            .execute(&mut *connection)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
    }
    let LateData { lateness, repair_horizon } = settings.late_data;
    let Refresh { from, until, every } = settings.refresh;
    for (name, period) in [
        ("late_data.lateness", lateness),
        ("late_data.repair_horizon", repair_horizon),
        ("aggregates.refresh_from", from),
        ("aggregates.refresh_until", until),
        ("aggregates.refresh_every", every),
    ] {
        changed += sqlx::query(include_str!("../queries/layout/write_store_settings.sql"))
            .bind(name)
            .bind(period.to_interval())
            .execute(&mut *connection)
            .await
            .map_err(failed(OPERATION))?
            .rows_affected();
    }
    Ok(changed > 0)
}

fn unusable(violations: Violations) -> StoreError {
    let message = format!(
        "the stored settings break a rule ({violations}): apply others with `onetape db setup --settings FILE`"
    );
    StoreError::new(StoreErrorKind::Invalid, READ, message).with_source(violations)
}
