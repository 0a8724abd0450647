//! What a live feed has done so far.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Counts of a live feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveStats {
    /// Connections that are up.
    pub connected: u64,
    /// Connections that the feed keeps up.
    pub shards: u64,
    /// Attempts to connect.
    pub attempts: u64,
    /// Connections that were lost or replaced for their silence; those of an orderly end are not counted.
    pub lost: u64,
    /// Connections that followed one of great age.
    pub renewed: u64,
    /// Messages received.
    pub messages: u64,
    /// Bytes received in messages and whole books.
    pub bytes: u64,
    /// Whole books received.
    pub snapshots: u64,
    /// Whole books asked for in vain.
    pub failed_snapshots: u64,
    /// Our clock at the last receipt, in microseconds since 1970; 0 before the first.
    pub last_received: i64,
    /// Whether a recording could not be written on; collecting goes on without it.
    pub recording_failed: bool,
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connected: AtomicU64,
    pub(super) shards: AtomicU64,
    pub(super) attempts: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) renewed: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) snapshots: AtomicU64,
    pub(super) failed_snapshots: AtomicU64,
    pub(super) last_received: AtomicI64,
    pub(super) recording_failed: AtomicBool,
}

impl Counters {
    pub(super) fn read(&self) -> LiveStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LiveStats {
            connected: get(&self.connected),
            shards: get(&self.shards),
            attempts: get(&self.attempts),
            lost: get(&self.lost),
            renewed: get(&self.renewed),
            messages: get(&self.messages),
            bytes: get(&self.bytes),
            snapshots: get(&self.snapshots),
            failed_snapshots: get(&self.failed_snapshots),
            last_received: self.last_received.load(Ordering::Relaxed),
            recording_failed: self.recording_failed.load(Ordering::Relaxed),
        }
    }
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds some.
pub(super) fn add(counter: &AtomicU64, number: usize) {
    counter.fetch_add(number as u64, Ordering::Relaxed);
}
