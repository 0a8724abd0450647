//! The Apache edition: views under the names of the aggregates. Retention is the work of `onetape maintain`.

use std::collections::BTreeMap;

use onetape_ports::StoreError;
use sqlx::PgConnection;

use super::{AggregateObject, run};
use crate::tables::AGGREGATES;

pub(super) async fn apply(
    connection: &mut PgConnection,
    present: &BTreeMap<String, AggregateObject>,
) -> Result<(), StoreError> {
    // Coarse ones first: they are made of the finer ones.
    for aggregate in AGGREGATES.iter().rev() {
        if matches!(present.get(aggregate.name), Some(AggregateObject::Continuous { .. })) {
            let drop = include_str!("../queries/layout/drop_aggregate.sql");
            run(connection, &aggregate.statement(drop)).await?;
        }
    }
    for aggregate in &AGGREGATES {
        run(connection, &aggregate.statement(include_str!("../queries/layout/view.sql"))).await?;
    }
    Ok(())
}
