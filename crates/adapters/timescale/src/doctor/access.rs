//! Who looks, through what, and at which time: clock, TLS, roles and what they are granted.

use onetape_ports::StoreError;

use super::{EXAMINE, Examination, Finding};
use crate::edition::Edition;
use crate::error::failed;
use crate::micros::Micros;
use crate::{roles, tls};

/// From here on a skewed clock is told, and from there on it is an error.
const SKEW_WARNING_MS: i64 = 1_000;
const SKEW_ERROR_MS: i64 = 60_000;

impl Examination<'_> {
    /// Compares the clocks; what the question itself took counts for neither.
    pub(super) async fn clock(&mut self) -> Result<(), StoreError> {
        let (before, start) = (self.clock.now(), self.clock.monotonic_micros());
        let Micros(server) = sqlx::query_scalar(include_str!("../queries/doctor/clock.sql"))
            .fetch_one(self.pool()?)
            .await
            .map_err(failed(EXAMINE))?;
        let took = self.clock.monotonic_micros() - start;
        let ahead = server.micros() - before.micros();
        // It was read somewhere between question and answer.
        let skew = if (0..=took).contains(&ahead) { 0 } else { (ahead - took / 2) / 1_000 };
        self.report.clock_skew_ms = skew;
        self.report.findings.push(skewed(skew));
        Ok(())
    }

    pub(super) async fn session(&mut self) -> Result<(), StoreError> {
        let (role, superuser, encrypted, version, cipher): (
            String,
            bool,
            bool,
            Option<String>,
            Option<String>,
        ) = sqlx::query_as(include_str!("../queries/doctor/session.sql"))
            .fetch_one(self.pool()?)
            .await
            .map_err(failed(EXAMINE))?;
        let options = self.pool()?.connect_options();
        let local = tls::is_local(&options);
        if encrypted {
            let named = [version, cipher].into_iter().flatten().collect::<Vec<_>>().join(" ");
            self.report.tls = Some(named);
        }
        self.report.findings.push(encryption(local, tls::is_verified(&options), self.report.tls.as_deref()));
        if superuser {
            self.report.findings.push(Finding::warning(
                "role",
                format!("the role {role} is a superuser"),
                "a fault, or whoever gets its password, can change everything on the server",
                "connect as a member of the store's writer or reader role; superusers are for set-up only",
            ));
        } else {
            self.report.findings.push(Finding::ok("role", format!("the role {role} is no superuser")));
        }
        self.report.role = role;
        Ok(())
    }

    pub(super) async fn roles(&mut self, edition: Edition) -> Result<(), StoreError> {
        let mut connection = self.pool()?.acquire().await.map_err(failed(EXAMINE))?;
        let Some(names) = roles::present(&mut connection).await? else {
            self.report.findings.push(Finding::warning(
                "roles",
                "the store has no roles of its own",
                "whoever writes or reads can change or drop everything its owner can",
                "run `onetape db setup --roles`, and make each service a member of one of them",
            ));
            return Ok(());
        };
        let powers = roles::powers(self.pool()?, &names).await?;
        if !powers.is_empty() {
            self.report.findings.push(Finding::error(
                "roles",
                format!("{} may do anything, whatever it is granted", powers.join(" and ")),
                "nothing keeps its members from changing what was recorded",
                "take SUPERUSER and BYPASSRLS from it",
            ));
        }
        let mut pending = roles::missing(&mut connection, &names, edition).await?;
        // That one is about who looks.
        pending.retain(|statement| !statement.ends_with("TO CURRENT_USER WITH INHERIT TRUE, SET TRUE"));
        pending.extend(roles::pending(&mut connection, &names).await?);
        self.report.findings.push(match pending.first() {
            None => Finding::ok(
                "grants",
                format!("{}, {} and {} may do what they must", names.owner(), names.writer(), names.reader()),
            ),
            Some(first) => Finding::warning(
                "grants",
                format!("{} grants are not as they should be, the first lacks `{first}`", pending.len()),
                "a role may do more than it should, or less than it must",
                "run `onetape db setup --roles` with the prefix of these roles",
            ),
        });
        Ok(())
    }
}

fn skewed(skew_ms: i64) -> Finding {
    let what = format!(
        "the server's clock is {} ms {}",
        skew_ms.abs(),
        if skew_ms < 0 { "behind" } else { "ahead" }
    );
    let why = "rows are stamped by our clock, and policies count ages by the server's";
    let remedy = "let both machines take their time from NTP";
    match skew_ms.abs() {
        skew if skew >= SKEW_ERROR_MS => Finding::error("clock", what, why, remedy),
        skew if skew >= SKEW_WARNING_MS => Finding::warning("clock", what, why, remedy),
        _ => Finding::ok("clock", what),
    }
}

fn encryption(local: bool, verified: bool, tls: Option<&str>) -> Finding {
    match tls {
        Some(named) if local || verified => {
            Finding::ok("tls", format!("the connection is encrypted ({named})"))
        }
        None if local => Finding::ok("tls", "the server is local, and the connection not encrypted"),
        Some(_) => Finding::warning(
            "tls",
            "the connection is encrypted, but the server need not prove who it is",
            "whoever is in between can be the server, and gets the password",
            "take allow_insecure_tls out of the URL, and sslmode too",
        ),
        None => Finding::warning(
            "tls",
            "the connection to another machine is not encrypted",
            "whoever is in between reads and changes everything, the password too",
            "turn TLS on at the server, and take allow_insecure_tls and sslmode out of the URL",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_skewed_clock_and_an_open_connection_are_told() {
        assert_eq!(skewed(-999).severity, Severity::Ok);
        assert_eq!(skewed(-1_000).severity, Severity::Warning);
        assert!(skewed(-1_000).what.contains("1000 ms behind"));
        assert_eq!(skewed(60_000).severity, Severity::Error);
        for (local, verified, tls, severity) in [
            (true, false, None, Severity::Ok),
            (true, false, Some("TLSv1.3"), Severity::Ok),
            (false, true, Some("TLSv1.3"), Severity::Ok),
            (false, false, Some("TLSv1.3"), Severity::Warning),
            (false, false, None, Severity::Warning),
        ] {
            assert_eq!(encryption(local, verified, tls).severity, severity);
        }
    }
}
