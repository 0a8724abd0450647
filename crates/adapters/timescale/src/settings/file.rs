//! Reading a settings file: every unknown key and every unreadable period is reported, not just the first.

use onetape_domain::violation::Violations;
use toml::{Table, Value};

use super::{LateData, Period, Refresh, Settings, TablePeriods, rules};
use crate::tables::TABLES;

const LATE_DATA: &str = "late_data";
const AGGREGATES: &str = "aggregates";
const PER_TABLE: &str = "tables";

/// A file over the shipped one.
pub(super) fn parse(text: &str) -> Result<Settings, Violations> {
    read(text, Some(&Settings::default()))
}

/// The shipped file, which leaves nothing out.
pub(super) fn defaults() -> Result<Settings, Violations> {
    read(super::DEFAULT_SETTINGS, None)
}

fn read(text: &str, base: Option<&Settings>) -> Result<Settings, Violations> {
    let root: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        Violations::one(format!("settings, line {line},"), error.message(), "must be TOML")
    })?;
    let mut file = File { violations: Violations::default() };
    file.only_known("", &root, &[LATE_DATA, AGGREGATES, PER_TABLE]);
    let late_data = file.late_data(&root, base.map(|base| base.late_data));
    let refresh = file.refresh(&root, base.map(|base| base.refresh));
    let tables = file.tables(&root, base);
    let File { violations } = file;
    match (late_data, refresh, tables) {
        (Some(late_data), Some(refresh), Some(tables)) if violations.0.is_empty() => {
            rules::check(Settings { late_data, refresh, tables })
        }
        _ => Err(violations),
    }
}

/// What was found wrong so far.
struct File {
    violations: Violations,
}

impl File {
    fn late_data(&mut self, root: &Table, base: Option<LateData>) -> Option<LateData> {
        let section = self.section("", root, LATE_DATA);
        self.only_known(LATE_DATA, &section, &["lateness", "repair_horizon"]);
        let lateness = self.period(LATE_DATA, &section, "lateness", base.map(|base| base.lateness));
        let repair_horizon =
            self.period(LATE_DATA, &section, "repair_horizon", base.map(|base| base.repair_horizon));
        Some(LateData { lateness: lateness?, repair_horizon: repair_horizon? })
    }

    fn refresh(&mut self, root: &Table, base: Option<Refresh>) -> Option<Refresh> {
        let section = self.section("", root, AGGREGATES);
        self.only_known(AGGREGATES, &section, &["refresh_from", "refresh_until", "refresh_every"]);
        let from = self.period(AGGREGATES, &section, "refresh_from", base.map(|base| base.from));
        let until = self.period(AGGREGATES, &section, "refresh_until", base.map(|base| base.until));
        let every = self.period(AGGREGATES, &section, "refresh_every", base.map(|base| base.every));
        Some(Refresh { from: from?, until: until?, every: every? })
    }

    fn tables(&mut self, root: &Table, base: Option<&Settings>) -> Option<[TablePeriods; TABLES.len()]> {
        let section = self.section("", root, PER_TABLE);
        let names = TABLES.each_ref().map(|table| table.name);
        self.only_known(PER_TABLE, &section, &names);
        let read = names.map(|name| {
            let periods = self.section(PER_TABLE, &section, name);
            self.table(&format!("{PER_TABLE}.{name}"), &periods, base.and_then(|base| base.table(name)))
        });
        let complete: Vec<TablePeriods> = read.into_iter().flatten().collect();
        complete.try_into().ok()
    }

    fn table(&mut self, path: &str, section: &Table, base: Option<TablePeriods>) -> Option<TablePeriods> {
        self.only_known(path, section, &["chunk_interval", "compress_after", "retain_for"]);
        let chunk_interval =
            self.period(path, section, "chunk_interval", base.map(|base| base.chunk_interval));
        let compress_after =
            self.or_none(path, section, "compress_after", "never", base.map(|base| base.compress_after));
        let retain_for =
            self.or_none(path, section, "retain_for", "forever", base.map(|base| base.retain_for));
        Some(TablePeriods {
            chunk_interval: chunk_interval?,
            compress_after: compress_after?,
            retain_for: retain_for?,
        })
    }

    /// The section of a name; an empty one where it is left out.
    fn section(&mut self, path: &str, parent: &Table, name: &str) -> Table {
        match parent.get(name) {
            Some(Value::Table(section)) => section.clone(),
            Some(other) => {
                self.violations.push(joined(path, name), shown(other), "must be a section");
                Table::new()
            }
            None => Table::new(),
        }
    }

    fn only_known(&mut self, path: &str, section: &Table, known: &[&str]) {
        for (key, value) in section.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let reason = format!("is no setting: the settings here are {}", known.join(", "));
            self.violations.push(joined(path, key), shown(value), reason);
        }
    }

    /// A period; none, and a violation, where it cannot be read.
    fn period(&mut self, path: &str, section: &Table, key: &str, base: Option<Period>) -> Option<Period> {
        match section.get(key) {
            Some(Value::String(text)) => match text.parse() {
                Ok(period) => Some(period),
                Err(reason) => {
                    self.violations.push(joined(path, key), text, reason);
                    None
                }
            },
            Some(other) => {
                self.violations.push(joined(path, key), shown(other), "must be a text, as in \"7 days\"");
                None
            }
            None if base.is_none() => {
                self.violations.push(joined(path, key), "", "is missing");
                None
            }
            None => base,
        }
    }

    /// The same for a step that a word turns off.
    fn or_none(
        &mut self,
        path: &str,
        section: &Table,
        key: &str,
        off: &str,
        base: Option<Option<Period>>,
    ) -> Option<Option<Period>> {
        match (section.get(key), base) {
            (Some(Value::String(text)), _) if text.trim() == off => Some(None),
            (None, Some(base)) => Some(base),
            _ => self.period(path, section, key, None).map(Some),
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(time) => time.to_string(),
        Value::Array(_) => "[…]".to_owned(),
        Value::Table(_) => "a section".to_owned(),
    }
}
