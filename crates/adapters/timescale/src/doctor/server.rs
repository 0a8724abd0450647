//! The server: versions that work, those known to be bad, and what it is set to.

use onetape_ports::StoreError;

use super::{EXAMINE, Examination, Finding};
use crate::edition::{Edition, ServerInfo};
use crate::error::failed;

/// First version of the Community edition without the faults that were found in earlier ones.
const GOOD_COMMUNITY: [u32; 3] = [2, 29, 2];

impl Examination<'_> {
    pub(super) async fn server(&mut self, server: &ServerInfo) -> Result<(), StoreError> {
        let findings = &mut self.report.findings;
        let edition = match server.usable() {
            Ok(edition) => edition,
            Err(error) => {
                findings.push(Finding::error(
                    "server",
                    error.to_string(),
                    "the store does not work on this server",
                    "do what the message says",
                ));
                return Ok(());
            }
        };
        let version = server.timescaledb.as_deref().unwrap_or_default();
        let what = format!("PostgreSQL {} and TimescaleDB {version}, {edition} edition", server.postgres);
        findings.push(Finding::ok("server", what));
        findings.extend(newer_available(server));
        let (workers, skipscan): (Option<String>, Option<String>) =
            sqlx::query_as(include_str!("../queries/doctor/server.sql"))
                .fetch_one(self.pool()?)
                .await
                .map_err(failed(EXAMINE))?;
        if edition == Edition::Community {
            self.report.findings.extend(known_bad(server, skipscan.as_deref()));
            self.report.findings.extend(workers_missing(workers.as_deref()));
        }
        Ok(())
    }
}

/// Files of a newer version lie ready, and the database still has the old one.
fn newer_available(server: &ServerInfo) -> Option<Finding> {
    let (now, available) = (server.timescaledb.as_deref()?, server.available.as_deref()?);
    (now != available).then(|| {
        Finding::warning(
            "extension",
            format!("the server has TimescaleDB {available}, this database still {now}"),
            "the old version gets no more corrections, and goes with the server's next upgrade",
            "as the first statement of a session, run ALTER EXTENSION timescaledb UPDATE",
        )
    })
}

/// Versions with faults that concern this store.
fn known_bad(server: &ServerInfo, skipscan: Option<&str>) -> Vec<Finding> {
    let version = server.timescaledb.as_deref().unwrap_or_default();
    let mut findings = Vec::new();
    if numbers(version) < GOOD_COMMUNITY {
        let off = skipscan != Some("on");
        let state = if off { "" } else { ", and timescaledb.enable_compressed_skipscan is on" };
        findings.push(Finding::warning(
            "version",
            format!("TimescaleDB {version} is older than 2.29.2{state}"),
            "earlier versions of the Community edition can answer wrongly from compressed chunks",
            if off {
                "upgrade TimescaleDB to 2.29.2 or later"
            } else {
                "upgrade TimescaleDB to 2.29.2 or later; until then, set timescaledb.enable_compressed_skipscan = off"
            },
        ));
    }
    if numbers(version) == GOOD_COMMUNITY && server.postgres.starts_with("17.12") {
        findings.push(Finding::warning(
            "version",
            "TimescaleDB 2.29.2 on PostgreSQL 17.12",
            "every background job fails there with `cannot drop portal \"\" while it is being set up`, so no policy works",
            "run `onetape maintain` at least daily, which does not depend on jobs",
        ));
    }
    findings
}

/// Policies are jobs, and a job needs a worker.
fn workers_missing(workers: Option<&str>) -> Option<Finding> {
    (workers == Some("0")).then(|| {
        Finding::warning(
            "workers",
            "timescaledb.max_background_workers is 0",
            "the server starts no job, so its policies neither refresh, compress nor drop",
            "give it workers and restart the server, or run `onetape maintain` at least daily",
        )
    })
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split(['.', '-']).map_while(|part| part.parse().ok());
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn community(postgres: &str, timescaledb: &str) -> ServerInfo {
        ServerInfo {
            postgres: postgres.to_owned(),
            postgres_major: 17,
            timescaledb: Some(timescaledb.to_owned()),
            edition: Some(Edition::Community),
            available: Some("2.29.2".to_owned()),
        }
    }

    #[test]
    fn versions_that_are_known_to_be_bad_are_named_with_what_to_do() {
        let said = |postgres: &str, timescaledb: &str, skipscan: &str| {
            let found = known_bad(&community(postgres, timescaledb), Some(skipscan));
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(said("17.5", "2.28.1", "on").contains("set timescaledb.enable_compressed_skipscan = off"));
        assert!(said("17.5", "2.29.1", "off").contains("upgrade TimescaleDB to 2.29.2"));
        assert!(!said("17.5", "2.29.1", "off").contains("skipscan"));
        assert!(said("17.12 (Debian 17.12-0+deb13u1)", "2.29.2", "on").contains("cannot drop portal"));
        assert_eq!(said("17.11", "2.29.2", "on"), "");
        assert_eq!(said("17.12", "2.30.0", "on"), "");
        assert_eq!(said("18.1", "2.31.0-dev", "on"), "");
    }

    #[test]
    fn a_newer_version_that_lies_ready_and_missing_workers_are_told() {
        assert!(newer_available(&community("17.5", "2.28.1")).unwrap().remedy.contains("ALTER EXTENSION"));
        assert_eq!(newer_available(&community("17.5", "2.29.2")), None);
        assert_eq!(workers_missing(Some("16")), None);
        assert!(workers_missing(Some("0")).is_some());
    }
}
