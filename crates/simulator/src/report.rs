//! What was served, what was injected, and what the client did that the venue forbids.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;

use crate::faults::{Fault, Injected};

/// Most breaches that are kept; more are counted.
const MAX_BREACHES: usize = 100;

/// An account of a simulator's life so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Connections, messages, answers and the like, each with its number.
    pub served: BTreeMap<&'static str, u64>,
    /// Faults that clients met.
    pub injected: Injected,
    /// What a client did beyond the venue's limits, at most 100; the number of all is in `served`.
    pub breaches: Vec<String>,
}

impl Report {
    /// The number of something served.
    pub fn served(&self, what: &str) -> u64 {
        self.served.get(what).copied().unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.served {
            writeln!(f, "{count:>10} {what}")?;
        }
        write!(f, "{}", self.injected)?;
        for breach in &self.breaches {
            writeln!(f, "breach: {breach}")?;
        }
        Ok(())
    }
}

/// The report while it is written.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Report>);

impl Counters {
    pub(crate) fn served(&self, what: &'static str) {
        *self.0.lock().served.entry(what).or_default() += 1;
    }

    pub(crate) fn injected(&self, fault: Fault) {
        *self.0.lock().injected.0.entry(fault).or_default() += 1;
    }

    pub(crate) fn breach(&self, what: String) {
        self.served("breaches of limits");
        let mut report = self.0.lock();
        if report.breaches.len() < MAX_BREACHES {
            report.breaches.push(what);
        }
    }

    pub(crate) fn report(&self) -> Report {
        self.0.lock().clone()
    }
}
