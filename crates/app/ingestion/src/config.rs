//! Settings of the pipeline, each with its limit.

use std::time::Duration;

/// When something that was taken in is acknowledged, where there is a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JournalMode {
    /// Once the journal has it on the disk. A crash loses nothing that was acknowledged or shown.
    #[default]
    Always,
    /// At once while the store works; once the journal has it on the disk while the store fails.
    ///
    /// A crash while the store works loses what was taken in since the journal last synced, which is a moment ago unless the
    /// journal has an interval. Readers of the cache may have seen it, and its stamps are given to what comes then. In
    /// an outage nothing is lost that was taken in after the first failed call.
    OnTrouble,
}

impl JournalMode {
    /// `always` or `on_trouble`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnTrouble => "on_trouble",
        }
    }
}

/// How the pipeline batches, waits and gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineConfig {
    /// Rows of an instrument that make a batch due. While a write is under way rows gather, so that
    /// batches grow under backlog.
    pub batch_size: usize,
    /// Age at which rows are written even if they are fewer.
    pub flush_interval: Duration,
    /// Rows that may wait for the store; beyond it the feed is held back.
    pub max_pending_rows: usize,
    /// Bytes of memory that such rows may take, roughly; beyond it the feed is held back.
    pub max_pending_bytes: usize,
    /// Refused records that may wait for the store; beyond it the feed is held back.
    pub max_pending_quarantine: usize,
    /// Instruments that are written at the same time.
    pub writers: usize,
    /// How long a store may fail on end while somebody waits for it: a feed that is held back, a flush, an instrument to be
    /// loaded. Then that call gives up; the writer goes on.
    pub retry_for: Duration,
    /// First pause between retries; later ones double, with jitter, up to `max_retry_pause`.
    pub first_retry_pause: Duration,
    /// Longest pause between retries.
    pub max_retry_pause: Duration,
    /// Closed candles of each timeframe read back from the store when an instrument starts.
    pub restore_candles: usize,
    /// Events taken from a feed at once.
    pub feed_chunk: usize,
    /// How often the store is asked for imports that wait to be taken in.
    pub import_interval: Duration,
    /// When something that was taken in is acknowledged.
    pub journal_mode: JournalMode,
    /// Bytes of a segment of the journal: what the store has goes in pieces of about this size.
    pub journal_segment_bytes: u64,
    /// Bytes of the journal; beyond it the feed is held back until the store has caught up.
    pub max_journal_bytes: u64,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            batch_size: 100,
            flush_interval: Duration::from_secs(5),
            max_pending_rows: 1_000_000,
            max_pending_bytes: 144 << 20,
            max_pending_quarantine: 1_000,
            writers: 4,
            retry_for: Duration::from_secs(300),
            first_retry_pause: Duration::from_millis(100),
            max_retry_pause: Duration::from_secs(10),
            restore_candles: 900,
            feed_chunk: 1_024,
            import_interval: Duration::from_secs(60),
            journal_mode: JournalMode::Always,
            journal_segment_bytes: 32 << 20,
            max_journal_bytes: 4 << 30,
        }
    }
}
