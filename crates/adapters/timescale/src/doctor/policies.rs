//! What the server does by itself: whether its policies are safe and those of the settings, and whether its jobs run.

use onetape_ports::StoreError;

use super::{EXAMINE, Examination, Finding};
use crate::edition::Edition;
use crate::error::failed;
use crate::layout::{self, Policies};
use crate::settings::{Period, Settings};
use crate::tables::AGGREGATES;

/// So many names are listed, and the rest counted.
const LISTED: usize = 5;

type JobRow = (i32, String, Option<String>, bool, Option<String>, Option<String>);

impl Examination<'_> {
    pub(super) async fn policies(&mut self, edition: Edition) -> Result<(), StoreError> {
        let Some(settings) = &self.settings else { return Ok(()) };
        if edition == Edition::Apache {
            let what = "the Apache edition has none: `onetape maintain` does what is due";
            self.report.findings.push(Finding::ok("policies", what));
            return Ok(());
        }
        let mut connection = self.pool()?.acquire().await.map_err(failed(EXAMINE))?;
        let present = layout::policies(&mut connection).await?;
        let of = |name: &str| present.get(name).copied().unwrap_or_default();
        let mut findings: Vec<Finding> = settings
            .tables()
            .flat_map(|(table, _)| unsafe_ones(table.name, of(table.name), settings))
            .collect();
        let seconds = of("ohlcv_1s").drop_after;
        findings.extend(
            AGGREGATES
                .iter()
                .filter_map(|aggregate| refresh_over_dropped(aggregate.name, of(aggregate.name), seconds)),
        );
        let tables = settings.tables().map(|(table, periods)| {
            let wanted = Policies {
                compress_after: periods.compress_after,
                drop_after: periods.retain_for,
                refresh: None,
            };
            (table.name, wanted)
        });
        let aggregates = AGGREGATES.iter().map(|aggregate| {
            let drop_after = settings.table(aggregate.table).and_then(|own| own.retain_for);
            (aggregate.name, Policies { compress_after: None, drop_after, refresh: Some(settings.refresh()) })
        });
        let others: Vec<&str> = tables
            .chain(aggregates)
            .filter(|(name, wanted)| of(name) != *wanted)
            .map(|(name, _)| name)
            .collect();
        if !others.is_empty() {
            findings.push(Finding::warning(
                "policies",
                format!("the server's policies are not those of the settings for {}", listed(&others)),
                "rows are compressed, dropped or refreshed at other times than the settings say, or never",
                "run `onetape db setup`, which puts them right",
            ));
        }
        if findings.is_empty() {
            findings.push(Finding::ok("policies", "the server's policies are those of the settings"));
        }
        self.report.findings.extend(findings);
        Ok(())
    }

    pub(super) async fn jobs(&mut self, edition: Edition) -> Result<(), StoreError> {
        let rows: Vec<JobRow> = sqlx::query_as(include_str!("../queries/doctor/jobs.sql"))
            .fetch_all(self.pool()?)
            .await
            .map_err(failed(EXAMINE))?;
        let count = rows.len();
        let findings: Vec<Finding> = rows.into_iter().filter_map(job).collect();
        if edition == Edition::Apache && count > 0 {
            self.report.findings.push(Finding::warning(
                "jobs",
                format!("{count} jobs are left over from the Community edition"),
                "each of them fails in the server's log, again and again",
                "let a superuser delete them: SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE job_id >= 1000",
            ));
        } else if findings.is_empty() {
            self.report
                .findings
                .push(Finding::ok("jobs", format!("none of {count} jobs failed the last time")));
        } else {
            self.report.findings.extend(findings);
        }
        Ok(())
    }
}

/// Policies that were made past the settings' rules.
fn unsafe_ones(name: &str, present: Policies, settings: &Settings) -> Vec<Finding> {
    let late = settings.late_data();
    let horizon = late.lateness.micros() + late.repair_horizon.micros();
    let soon = |period: Option<Period>| period.filter(|period| period.micros() < horizon);
    let mut findings = Vec::new();
    if let Some(after) = soon(present.compress_after) {
        findings.push(Finding::error(
            "policies",
            format!("the server compresses {name} after {after}, inside the time of late data and repairs"),
            "late rows into compressed chunks cost sixty times as much, and too many are refused",
            "run `onetape db setup`, which puts the policy right",
        ));
    }
    if let Some(after) = soon(present.drop_after) {
        findings.push(Finding::error(
            "policies",
            format!("the server drops {name} after {after}, inside the time of late data and repairs"),
            "rows are dropped as they come",
            "run `onetape db setup`, which puts the policy right",
        ));
    }
    findings
}

fn refresh_over_dropped(name: &str, present: Policies, seconds: Option<Period>) -> Option<Finding> {
    let (from, retain) = (present.refresh?.from, seconds?);
    (retain <= from).then(|| {
        Finding::error(
            "policies",
            format!("the server refreshes {name} from {from} ago, and drops its seconds after {retain}"),
            "a refresh over dropped seconds deletes the aggregate",
            "run `onetape db setup` at once, which puts the policies right",
        )
    })
}

fn job((id, procedure, relation, scheduled, status, message): JobRow) -> Option<Finding> {
    let named = format!("job {id} ({procedure} of {})", relation.as_deref().unwrap_or("no table"));
    let due = "what it should do is left to `onetape maintain`";
    if !scheduled {
        return Some(Finding::warning(
            "jobs",
            format!("{named} is switched off"),
            due,
            format!("SELECT alter_job({id}, scheduled => true)"),
        ));
    }
    (status.as_deref() == Some("Failed")).then(|| {
        let message = message.unwrap_or_else(|| "no message, or none that this role may see".to_owned());
        Finding::warning(
            "jobs",
            format!("{named} failed the last time: {message}"),
            due,
            "see timescaledb_information.job_errors and the server's log; run `onetape maintain` at least daily",
        )
    })
}

fn listed(names: &[&str]) -> String {
    let mut text = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        text.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Refresh;

    fn days(days: i64) -> Option<Period> {
        Period::days(days)
    }

    #[test]
    fn policies_past_the_rules_are_errors() {
        let settings = Settings::default();
        let policies = |compress_after, drop_after| Policies { compress_after, drop_after, refresh: None };
        assert!(unsafe_ones("t", policies(days(7), days(90)), &settings).is_empty());
        let found = unsafe_ones("t", policies(days(2), days(1)), &settings);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].what.contains("compresses t after 2 days")
                && found[1].what.contains("drops t after 1 day")
        );
        let refresh = Refresh { from: days(30).unwrap(), ..settings.refresh() };
        let present = Policies { refresh: Some(refresh), ..Policies::default() };
        assert!(refresh_over_dropped("a", present, days(30)).is_some());
        assert_eq!(refresh_over_dropped("a", present, days(31)), None);
        assert_eq!(refresh_over_dropped("a", present, None), None);
    }

    #[test]
    fn jobs_that_fail_or_are_switched_off_are_told() {
        let row = |scheduled, status: &str| {
            (1000, "policy_retention".to_owned(), None, scheduled, Some(status.to_owned()), None)
        };
        assert_eq!(job(row(true, "Success")), None);
        assert!(
            job(row(true, "Failed")).unwrap().what.contains("job 1000 (policy_retention of no table) failed")
        );
        assert!(job(row(false, "Success")).unwrap().remedy.contains("alter_job(1000"));
        assert_eq!(listed(&["a"; 7]), "a, a, a, a, a and 2 more");
    }
}
