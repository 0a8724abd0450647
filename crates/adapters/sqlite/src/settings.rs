//! Settings: how long the rows of each table are kept.

mod period;

use std::collections::BTreeMap;

use onetape_domain::violation::Violations;
use onetape_ports::StoreError;
use serde::Deserialize;
use sqlx::SqliteConnection;

use crate::error::{broken_row, failed};
use crate::session::{self, Session};
use crate::store::SqliteStore;

pub use period::Period;

/// The settings that a store has unless others are applied, as a file.
pub const DEFAULT_SETTINGS: &str = include_str!("settings.toml");

const READ: &str = "read the settings";
const APPLY: &str = "apply the settings";

/// Tables whose rows can grow too old. Candles come first, from the finest to the coarsest.
pub(crate) const TABLES: [&str; 11] = [
    "ohlcv_1s",
    "ohlcv_1m",
    "ohlcv_5m",
    "ohlcv_15m",
    "ohlcv_1h",
    "ohlcv_1d",
    "ohlcv_superseded",
    "trade_events",
    "order_book_snapshots",
    "order_book_imbalances",
    "stream_coverage",
];
const CANDLE_TABLES: usize = 6;
/// Places of what the coverage log speaks of, second by second: seconds, trades, books and imbalances.
const COVERED: [usize; 4] = [0, 7, 8, 9];

/// How long rows are kept, by table; none is forever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings([Option<Period>; TABLES.len()]);

/// A file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tables: BTreeMap<String, Section>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    retain_for: Option<String>,
}

impl Settings {
    /// Reads a file; what it leaves out is as by default.
    ///
    /// # Errors
    /// Every setting that is unknown, unreadable or against the rules.
    pub fn parse(text: &str) -> Result<Self, Violations> {
        let mut settings = Self([None; TABLES.len()]);
        let mut violations = Violations::default();
        settings.read(DEFAULT_SETTINGS, &mut violations);
        settings.read(text, &mut violations);
        settings.check(&mut violations);
        violations.into_result(settings)
    }

    fn read(&mut self, text: &str, violations: &mut Violations) {
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return violations.push("settings", "this file", error.message().to_owned()),
        };
        for (table, section) in file.tables {
            let Some(at) = TABLES.iter().position(|name| *name == table) else {
                violations.push(
                    format!("tables.{table}"),
                    "",
                    "is no table of a SQLite store whose rows are dropped",
                );
                continue;
            };
            match section.retain_for.as_deref() {
                None => {}
                Some("forever") => self.0[at] = None,
                Some(text) => match text.parse() {
                    Ok(period) => self.0[at] = Some(period),
                    Err(reason) => violations.push(format!("tables.{table}.retain_for"), text, reason),
                },
            }
        }
    }

    /// What rests on a table's rows may not outlive them: coarse candles stay as long as fine ones, replaced versions
    /// as long as candles, and the proof of what is complete as long as what it speaks of.
    fn check(&self, violations: &mut Violations) {
        let candles = (1..CANDLE_TABLES).map(|at| (at, at - 1));
        let superseded = (0..CANDLE_TABLES).map(|at| (CANDLE_TABLES, at));
        let covered = COVERED.into_iter().map(|at| (TABLES.len() - 1, at));
        for (at, least) in candles.chain(superseded).chain(covered) {
            if self.0[at].is_some_and(|period| self.0[least].is_none_or(|least| period < least)) {
                violations.push(
                    format!("tables.{}.retain_for", TABLES[at]),
                    shown(self.0[at]),
                    format!("must not be shorter than the {} of {}", shown(self.0[least]), TABLES[least]),
                );
            }
        }
    }

    /// Tables with how long their rows are kept; none is forever.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, Option<Period>)> {
        TABLES.into_iter().zip(self.0)
    }
}

impl Default for Settings {
    fn default() -> Self {
        // The default file is right, which a test holds.
        Self::parse("").unwrap_or(Self([None; TABLES.len()]))
    }
}

/// A period in the words of a file.
pub(crate) fn shown(period: Option<Period>) -> String {
    period.map_or_else(|| "forever".to_owned(), |period| period.to_string())
}

impl SqliteStore {
    /// The settings that were applied last, or the default ones.
    ///
    /// # Errors
    /// What the file's reading reports.
    pub async fn settings(&self) -> Result<Settings, StoreError> {
        let mut session = Session::begin(self.readers(), session::READ, READ).await?;
        let settings = applied(session.connection()?).await;
        session.finish(settings).await
    }

    /// Applies settings. Nothing is dropped before the next maintenance.
    ///
    /// # Errors
    /// What the file's writing reports.
    pub async fn apply_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        let mut session = Session::begin(self.writer(), session::WRITE, APPLY).await?;
        let written = write(session.connection()?, settings).await;
        session.finish(written).await
    }
}

pub(crate) async fn applied(connection: &mut SqliteConnection) -> Result<Settings, StoreError> {
    let rows: Vec<(String, Option<i64>)> = sqlx::query_as(include_str!("queries/read_settings.sql"))
        .fetch_all(connection)
        .await
        .map_err(failed(READ))?;
    let mut settings = Settings::default();
    for (table, micros) in rows {
        let Some(at) = TABLES.iter().position(|name| *name == table) else { continue };
        let period = |micros| {
            Period::of_micros(micros)
                .ok_or_else(|| Violations::one("retain_for_us", micros, "must be whole, positive seconds"))
        };
        settings.0[at] = micros.map(period).transpose().map_err(broken_row(READ))?;
    }
    Ok(settings)
}

async fn write(connection: &mut SqliteConnection, settings: &Settings) -> Result<(), StoreError> {
    for (table, period) in settings.tables() {
        sqlx::query(include_str!("queries/write_settings.sql"))
            .bind(table)
            .bind(period.map(Period::micros))
            .execute(&mut *connection)
            .await
            .map_err(failed(APPLY))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_names_every_table() {
        let file: File = toml::from_str(DEFAULT_SETTINGS).expect("the default file is right");
        assert_eq!(file.tables.keys().collect::<Vec<_>>(), {
            let mut tables: Vec<_> = TABLES.iter().collect();
            tables.sort();
            tables
        });
        assert_eq!(Settings::parse("").expect("the default file is right"), Settings::default());
        assert_eq!(Settings::default().0[0], Period::days(730));
    }

    #[test]
    fn a_file_holds_what_differs() {
        let settings = Settings::parse("[tables.trade_events]\nretain_for = \"2 weeks\"").expect("right");
        let changed: Vec<_> =
            settings.tables().zip(Settings::default().tables()).filter(|(a, b)| a != b).collect();
        assert_eq!(changed, [(("trade_events", Period::days(14)), ("trade_events", Period::days(90)))]);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = "[tables.ohlcv_1m]\nretain_for = \"1 day\"\n[tables.trades]\nretain_for = \"1 day\"\n\
            [tables.trade_events]\nretain_for = \"1 month\"";
        let violations = Settings::parse(text).expect_err("wrong").to_string();
        for part in ["tables.ohlcv_1m.retain_for", "tables.trades", "tables.trade_events.retain_for"] {
            assert!(violations.contains(part), "{part}: {violations}");
        }
        let unknown = Settings::parse("[tables.ohlcv_1s]\ncompress_after = \"1 day\"").expect_err("wrong");
        assert!(unknown.to_string().contains("compress_after"), "{unknown}");
    }
}
