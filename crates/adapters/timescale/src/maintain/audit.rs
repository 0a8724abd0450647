//! The audit: our own candles must be what their parts roll up to.
//!
//! On the Community edition the roll-up is the continuous aggregate; on the Apache edition, where the views of that
//! name are our own tables, it is made for the comparison of the next finer table.

use onetape_domain::time::TimeRange;
use onetape_ports::StoreError;

use super::refresh::whole_buckets;
use super::{AuditScope, AuditedAggregate, Run};
use crate::edition::Edition;
use crate::error::failed;
use crate::micros::Micros;
use crate::tables::{AGGREGATES, Aggregate};

/// Differences of one aggregate that a report shows.
const MOST_SHOWN: usize = 20;
/// How often a window that differs is compared. A table is written to while the run goes on, and an aggregate is as of
/// its last refresh.
const ATTEMPTS: usize = 3;

impl Run<'_> {
    pub(super) async fn audit(&mut self, scope: AuditScope) -> Result<Vec<AuditedAggregate>, StoreError> {
        let windows = self.windows().await?;
        let mut audited = Vec::new();
        for aggregate in &AGGREGATES {
            let start = self.clock.monotonic_micros();
            let statement = self.statement(aggregate);
            let (mut compared, mut different, mut differences) = (0, 0, Vec::new());
            for window in &windows {
                let Some(window) = self.kept(*window, aggregate, scope) else { continue };
                let (rows, wrong, shown) = self.settled(aggregate, &statement, window).await?;
                compared += rows;
                different += wrong;
                differences.extend(shown.into_iter().take(MOST_SHOWN - differences.len()));
            }
            let duration_ms = self.millis_since(start);
            if different > 0 {
                tracing::error!(
                    aggregate.name = aggregate.name,
                    audit.different = different,
                    "candles differ from their parts rolled up"
                );
            }
            let aggregate = aggregate.name.to_owned();
            audited.push(AuditedAggregate { aggregate, compared, different, differences, duration_ms });
        }
        Ok(audited)
    }

    /// A comparison that nothing was written in between of: what differs is refreshed and looked at again.
    async fn settled(
        &mut self,
        aggregate: &Aggregate,
        statement: &str,
        window: TimeRange,
    ) -> Result<(u64, u64, Vec<String>), StoreError> {
        let mut found = self.audit_window(statement, window).await?;
        for _ in 1..ATTEMPTS {
            if found.1 == 0 || self.edition == Edition::Apache {
                break;
            }
            self.refresh_up_to(aggregate, window).await?;
            found = self.audit_window(statement, window).await?;
        }
        Ok(found)
    }

    fn statement(&self, aggregate: &Aggregate) -> String {
        let rolled = match self.edition {
            Edition::Community => aggregate.name.to_owned(),
            Edition::Apache => format!("({}) AS finer", include_str!("../queries/maintain/rollup.sql")),
        };
        aggregate.statement(&include_str!("../queries/maintain/audit.sql").replace("the_rolled", &rolled))
    }

    /// The part of a window that neither retention nor the scope leaves out.
    fn kept(&self, window: TimeRange, aggregate: &Aggregate, scope: AuditScope) -> Option<TimeRange> {
        let finest = [aggregate.table, aggregate.finer].map(|table| self.settings.table(table));
        let retained = finest.into_iter().flatten().filter_map(|periods| periods.retain_for);
        let recent = (scope == AuditScope::Recent).then(|| self.settings.refresh().from);
        let oldest = retained.chain(recent).min().map(|age| self.before(age));
        let start = oldest.map_or(window.start(), |oldest| oldest.max(window.start()));
        let range = TimeRange::try_new(start, window.end()).ok()?;
        whole_buckets(range, aggregate)
    }

    async fn audit_window(
        &mut self,
        statement: &str,
        window: TimeRange,
    ) -> Result<(u64, u64, Vec<String>), StoreError> {
        let (compared, different, shown): (i64, i64, Vec<String>) = sqlx::query_as(statement)
            .bind(Micros(window.start()))
            .bind(Micros(window.end()))
            .bind(MOST_SHOWN as i32)
            .fetch_one(&mut self.connection)
            .await
            .map_err(failed("audit an aggregate"))?;
        let natural = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok((natural(compared), natural(different), shown))
    }
}
