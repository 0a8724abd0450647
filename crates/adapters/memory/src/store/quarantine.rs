//! Refused records, each once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use async_trait::async_trait;
use onetape_domain::message::QuarantinedRecord;
use onetape_ports::{QuarantineStore, StoreError};

use super::MemoryStore;

/// The records in the order they came, and where those of a hash are.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    records: Vec<QuarantinedRecord>,
    places: HashMap<u64, Vec<usize>>,
    state: RandomState,
}

impl Quarantine {
    /// All of them, in the order they came.
    pub(super) fn records(&self) -> Vec<QuarantinedRecord> {
        self.records.clone()
    }

    fn add(&mut self, record: &QuarantinedRecord) -> bool {
        let places = self.places.entry(self.state.hash_one(Key(record))).or_default();
        if places.iter().any(|at| Key(&self.records[*at]) == Key(record)) {
            return false;
        }
        places.push(self.records.len());
        self.records.push(record.clone());
        true
    }
}

/// What makes two records the same.
struct Key<'a>(&'a QuarantinedRecord);

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        let Self(QuarantinedRecord { origin, payload, violations, .. }) = self;
        *origin == other.0.origin && *payload == other.0.payload && *violations == other.0.violations
    }
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.origin.hash(state);
        self.0.payload.hash(state);
        for violation in &self.0.violations.0 {
            violation.field.hash(state);
            violation.value.hash(state);
            violation.reason.hash(state);
        }
    }
}

#[async_trait]
impl QuarantineStore for MemoryStore {
    async fn quarantine(&self, records: &[QuarantinedRecord]) -> Result<u64, StoreError> {
        let mut quarantine = self.inner.quarantine.lock();
        Ok(records.iter().map(|record| u64::from(quarantine.add(record))).sum())
    }

    async fn quarantined(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, StoreError> {
        Ok(self.inner.quarantine.lock().records.iter().rev().take(limit).cloned().collect())
    }
}
