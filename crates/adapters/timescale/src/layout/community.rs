//! The Community edition: columnstore, continuous aggregates, and the server's own policies.

use std::collections::BTreeMap;

use onetape_ports::StoreError;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::{APPLY, AggregateObject, Hypertable, run, set_chunk_interval};
use crate::error::failed;
use crate::settings::{Period, Refresh, Settings};
use crate::tables::{AGGREGATES, Table};

/// Buckets the server refreshes in one transaction: the default of ten is five times slower.
pub(crate) const BUCKETS_PER_BATCH: i32 = 1_440;

pub(super) async fn apply(
    connection: &mut PgConnection,
    settings: &Settings,
    hypertables: &BTreeMap<String, Hypertable>,
    present: &BTreeMap<String, AggregateObject>,
) -> Result<(), StoreError> {
    for (table, _) in settings.tables() {
        columnstore(connection, table, hypertables.get(table.name)).await?;
    }
    aggregates(connection, settings, present).await?;
    let policies = policies(connection).await?;
    for (table, periods) in settings.tables() {
        let now = policies.get(table.name).copied().unwrap_or_default();
        COMPRESSION.put(connection, table.name, now.compress_after, periods.compress_after).await?;
        RETENTION.put(connection, table.name, now.drop_after, periods.retain_for).await?;
    }
    for aggregate in &AGGREGATES {
        let now = policies.get(aggregate.name).copied().unwrap_or_default();
        let retain_for = settings.table(aggregate.table).and_then(|own| own.retain_for);
        RETENTION.put(connection, aggregate.name, now.drop_after, retain_for).await?;
        refresh(connection, aggregate.name, now.refresh, settings.refresh()).await?;
    }
    Ok(())
}

async fn columnstore(
    connection: &mut PgConnection,
    table: &Table,
    now: Option<&Hypertable>,
) -> Result<(), StoreError> {
    let wanted = (table.segmentby, table.orderby);
    let now = now.and_then(|now| now.columnstore.as_ref());
    if now.is_some_and(|(segmentby, orderby)| (segmentby.as_str(), orderby.as_str()) == wanted) {
        return Ok(());
    }
    let statement = include_str!("../queries/layout/columnstore.sql")
        .replace("the_table", table.name)
        .replace("the_segmentby", table.segmentby)
        .replace("the_orderby", table.orderby);
    run(connection, &statement).await
}

/// Puts continuous aggregates where views are, or nothing is. They are filled by the first refresh.
async fn aggregates(
    connection: &mut PgConnection,
    settings: &Settings,
    present: &BTreeMap<String, AggregateObject>,
) -> Result<(), StoreError> {
    for aggregate in AGGREGATES.iter().rev() {
        if matches!(present.get(aggregate.name), Some(AggregateObject::View)) {
            run(connection, &aggregate.statement(include_str!("../queries/layout/drop_view.sql"))).await?;
        }
    }
    for aggregate in &AGGREGATES {
        let now = match present.get(aggregate.name) {
            Some(AggregateObject::Continuous { chunk_interval }) => *chunk_interval,
            Some(AggregateObject::View) | None => {
                for text in [
                    include_str!("../queries/layout/aggregate.sql"),
                    include_str!("../queries/layout/aggregate_index.sql"),
                ] {
                    run(connection, &aggregate.statement(text)).await?;
                }
                None
            }
        };
        if let Some(own) = settings.table(aggregate.table) {
            set_chunk_interval(connection, aggregate.name, now, own.chunk_interval).await?;
        }
    }
    Ok(())
}

/// What the server does by itself with one table or aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Policies {
    pub(crate) compress_after: Option<Period>,
    pub(crate) drop_after: Option<Period>,
    pub(crate) refresh: Option<Refresh>,
}

type PolicyRow = (
    String,
    String,
    Option<PgInterval>,
    Option<PgInterval>,
    Option<PgInterval>,
    Option<PgInterval>,
    Option<PgInterval>,
);

/// By table or aggregate.
pub(crate) async fn policies(
    connection: &mut PgConnection,
) -> Result<BTreeMap<String, Policies>, StoreError> {
    let rows: Vec<PolicyRow> = sqlx::query_as(include_str!("../queries/layout/policies.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(APPLY))?;
    let mut policies = BTreeMap::<String, Policies>::new();
    for (name, procedure, compress_after, drop_after, start, end, every) in rows {
        let entry = policies.entry(name).or_default();
        let period = |interval: Option<PgInterval>| interval.as_ref().and_then(Period::of_interval);
        match procedure.as_str() {
            "policy_compression" => entry.compress_after = period(compress_after),
            "policy_retention" => entry.drop_after = period(drop_after),
            _ => {
                let window = period(start).zip(period(end)).zip(period(every));
                entry.refresh = window.map(|((from, until), every)| Refresh { from, until, every });
            }
        }
    }
    Ok(policies)
}

/// The statements that take a policy with one period away and add it.
struct Policy {
    remove: &'static str,
    add: &'static str,
}

const COMPRESSION: Policy = Policy {
    remove: include_str!("../queries/layout/remove_columnstore_policy.sql"),
    add: include_str!("../queries/layout/add_columnstore_policy.sql"),
};
const RETENTION: Policy = Policy {
    remove: include_str!("../queries/layout/remove_retention_policy.sql"),
    add: include_str!("../queries/layout/add_retention_policy.sql"),
};

impl Policy {
    async fn put(
        &self,
        connection: &mut PgConnection,
        name: &str,
        now: Option<Period>,
        wanted: Option<Period>,
    ) -> Result<(), StoreError> {
        if now == wanted {
            return Ok(());
        }
        call(connection, self.remove, name, &[]).await?;
        match wanted {
            Some(after) => call(connection, self.add, name, &[after]).await,
            None => Ok(()),
        }
    }
}

async fn refresh(
    connection: &mut PgConnection,
    name: &str,
    now: Option<Refresh>,
    wanted: Refresh,
) -> Result<(), StoreError> {
    if now == Some(wanted) {
        return Ok(());
    }
    call(connection, include_str!("../queries/layout/remove_refresh_policy.sql"), name, &[]).await?;
    let Refresh { from, until, every } = wanted;
    sqlx::query(include_str!("../queries/layout/add_refresh_policy.sql"))
        .bind(name)
        .bind(from.to_interval())
        .bind(until.to_interval())
        .bind(every.to_interval())
        .bind(BUCKETS_PER_BATCH)
        .execute(connection)
        .await
        .map(drop)
        .map_err(failed(APPLY))
}

/// Calls a function of a relation and periods.
async fn call(
    connection: &mut PgConnection,
    sql: &str,
    name: &str,
    periods: &[Period],
) -> Result<(), StoreError> {
    let bound =
        periods.iter().fold(sqlx::query(sql).bind(name), |query, period| query.bind(period.to_interval()));
    bound.execute(connection).await.map(drop).map_err(failed(APPLY))
}
