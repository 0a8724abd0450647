//! Whether a process that keeps market data does what it is for: for those who restart it, and those who ask it.

use std::collections::BTreeMap;
use std::time::Duration;

use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use serde::Serialize;

use crate::open::Onetape;

/// When a process counts as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthLimits {
    /// How far the last stamp of an instrument may lie behind the clock of this machine; none where data is old by nature.
    pub max_lag: Option<Duration>,
    /// How long the store may take to answer.
    pub store_timeout: Duration,
}

impl Default for HealthLimits {
    /// A minute behind, two seconds to answer.
    fn default() -> Self {
        Self { max_lag: Some(Duration::from_secs(60)), store_timeout: Duration::from_secs(2) }
    }
}

/// How a process is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// Whether only a restart can mend it.
    pub vital: bool,
    /// How it is, for people.
    pub detail: String,
}

impl Health {
    /// Whether the process can go on: it need not be restarted.
    pub fn is_alive(&self) -> bool {
        self.checks.iter().all(|check| check.ok || !check.vital)
    }

    /// Whether it can be asked now.
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// With what is vital alone: what liveness is about.
    #[must_use]
    pub fn vital(mut self) -> Self {
        self.checks.retain(|check| check.vital);
        self
    }
}

impl Onetape {
    /// How this process is: whether its writer goes on, the store answers, instruments are loaded, and their clocks keep up.
    pub async fn health(&self, limits: &HealthLimits) -> Health {
        let mut checks = self.vital_checks();
        let instruments: BTreeMap<Instrument, Timestamp> =
            self.started().map_or_else(BTreeMap::new, |pipeline| {
                let loaded = pipeline.status().instruments.into_iter();
                loaded.filter_map(|(instrument, marks)| Some((instrument, marks.received?))).collect()
            });
        // One row by its key, of whatever instrument.
        let asked = instruments.keys().next().cloned();
        let store = match asked {
            Some(instrument) => {
                let answer =
                    tokio::time::timeout(limits.store_timeout, self.store().flushed(&instrument)).await;
                answer.map(|answer| answer.map(drop))
            }
            None => {
                let answer = tokio::time::timeout(limits.store_timeout, self.store().instruments()).await;
                answer.map(|answer| answer.map(drop))
            }
        };
        checks.push(match store {
            Ok(Ok(())) => Check::fine("store", "it answers".to_owned()),
            Ok(Err(error)) => Check::wrong("store", error.to_string()),
            Err(_) => {
                let waited = limits.store_timeout.as_secs_f64();
                Check::wrong("store", format!("it has not answered for {waited} s"))
            }
        });
        checks.push(match instruments.len() {
            0 => Check::wrong("instruments", "none has had a message yet".to_owned()),
            loaded => Check::fine("instruments", format!("{loaded} loaded")),
        });
        if let Some(max_lag) = limits.max_lag {
            let now = self.clock().now();
            let behind = |stamp: &Timestamp| now.since(*stamp);
            let worst = instruments.iter().max_by_key(|(_, stamp)| behind(stamp));
            checks.extend(worst.map(|(instrument, stamp)| {
                let lag = behind(stamp);
                let limit = i64::try_from(max_lag.as_micros()).unwrap_or(i64::MAX);
                let detail = format!("{instrument} is {:.1} s behind", lag as f64 / 1e6);
                if lag <= limit { Check::fine("lag", detail) } else { Check::wrong("lag", detail) }
            }));
        }
        Health { checks }
    }

    /// The part of [`health`](Self::health) that asks nobody.
    pub fn liveness(&self) -> Health {
        Health { checks: self.vital_checks() }
    }

    fn vital_checks(&self) -> Vec<Check> {
        let Some(pipeline) = self.started() else { return Vec::new() };
        let writer = match pipeline.failure() {
            Some(failure) => Check::wrong("writer", failure.to_string()),
            None if pipeline.is_writing() => Check::fine("writer", "it goes on".to_owned()),
            None => Check::wrong("writer", "it has ended".to_owned()),
        };
        vec![Check { vital: true, ..writer }]
    }
}

impl Check {
    /// Something that is as it should be.
    pub fn fine(name: &'static str, detail: String) -> Self {
        Self { name, ok: true, vital: false, detail }
    }

    /// Something that is not.
    pub fn wrong(name: &'static str, detail: String) -> Self {
        Self { name, ok: false, vital: false, detail }
    }
}
