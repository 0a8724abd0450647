//! Refused records, each once.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use async_trait::async_trait;
use onetape_domain::message::QuarantinedRecord;
use onetape_ports::{QuarantineEntry, QuarantineQuery, QuarantineStore, StoreError};

use super::MemoryStore;

/// The records in the order they came, and where those of a hash are.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    /// By id.
    records: BTreeMap<u64, QuarantinedRecord>,
    last_id: u64,
    places: HashMap<u64, Vec<u64>>,
    state: RandomState,
}

impl Quarantine {
    /// All of them, in the order they came.
    pub(super) fn records(&self) -> Vec<QuarantinedRecord> {
        self.records.values().cloned().collect()
    }

    fn add(&mut self, record: &QuarantinedRecord) -> bool {
        let places = self.places.entry(self.state.hash_one(Key(record))).or_default();
        if places.iter().any(|id| self.records.get(id).is_some_and(|other| Key(other) == Key(record))) {
            return false;
        }
        self.last_id += 1;
        places.push(self.last_id);
        self.records.insert(self.last_id, record.clone());
        true
    }

    fn remove(&mut self, id: u64) -> bool {
        let Some(record) = self.records.remove(&id) else { return false };
        if let Some(places) = self.places.get_mut(&self.state.hash_one(Key(&record))) {
            places.retain(|other| *other != id);
        }
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
        Ok(self.inner.quarantine.lock().records.values().rev().take(limit).cloned().collect())
    }

    async fn quarantine_entries(&self, query: &QuarantineQuery) -> Result<Vec<QuarantineEntry>, StoreError> {
        let quarantine = self.inner.quarantine.lock();
        let newest = quarantine.records.iter().rev();
        let entries = newest.map(|(id, record)| QuarantineEntry { id: *id, record: record.clone() });
        Ok(entries.filter(|entry| query.matches(entry)).take(query.limit).collect())
    }

    async fn remove_quarantined(&self, ids: &[u64]) -> Result<u64, StoreError> {
        let mut quarantine = self.inner.quarantine.lock();
        Ok(ids.iter().map(|id| u64::from(quarantine.remove(*id))).sum())
    }
}
