//! Every setting: its name, what it is, how it is read and shown.

use std::time::Duration;

use onetape_domain::instrument::Exchange;
use onetape_ingestion::{JournalMode, PipelineConfig};
use onetape_provider::ProviderConfig;

#[cfg(feature = "live")]
use super::collect::{self, CollectConfig};
use super::values::{count, period, shown};
use crate::url::StoreUrl;

/// What the settings are set to.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// None: the file in the user's data folder.
    pub(super) store: Option<StoreUrl>,
    pub(super) provider: ProviderConfig,
    pub(super) pipeline: PipelineConfig,
    #[cfg(feature = "journal")]
    pub(super) journal: onetape_journal::JournalOptions,
    #[cfg(feature = "timescale")]
    pub(super) pools: onetape_timescale::Pools,
    /// None: the venue's own.
    pub(super) lateness: Option<Duration>,
    #[cfg(feature = "live")]
    pub(super) collect: CollectConfig,
    #[cfg(feature = "legacy")]
    pub(super) legacy: crate::legacy::LegacyConfig,
}

impl Values {
    pub(super) fn defaults() -> Self {
        Self {
            store: None,
            provider: ProviderConfig::for_exchange(Exchange::binance()),
            pipeline: PipelineConfig::default(),
            #[cfg(feature = "journal")]
            journal: onetape_journal::JournalOptions::default(),
            #[cfg(feature = "timescale")]
            pools: onetape_timescale::Pools::default(),
            lateness: None,
            #[cfg(feature = "live")]
            collect: CollectConfig::defaults(),
            #[cfg(feature = "legacy")]
            legacy: crate::legacy::LegacyConfig::default(),
        }
    }
}

/// A setting.
pub(super) struct Key {
    /// Its dotted name: sections of the file, then the key.
    pub(super) name: &'static str,
    /// What it means.
    pub(super) about: &'static str,
    /// What a file could say.
    pub(super) example: Option<&'static str>,
    pub(super) set: fn(&mut Values, &str) -> Result<(), String>,
    pub(super) show: fn(&Values) -> String,
}

impl Key {
    /// The setting of a name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Its variable in the environment.
    pub(super) fn variable(&self) -> String {
        format!("ONETAPE_{}", self.name.to_uppercase().replace('.', "_"))
    }

    /// The sections it is in, and its own name.
    pub(super) fn place(&self) -> (&'static str, &'static str) {
        self.name.rsplit_once('.').unwrap_or(("", self.name))
    }

    /// Whether a file writes its value without quotes.
    pub(super) fn is_number(&self) -> bool {
        ["5", "5s"].map(|text| (self.set)(&mut Values::defaults(), text).is_ok()) == [true, false]
    }
}

/// A number of something.
macro_rules! number {
    ($name:literal, $about:literal, $least:literal..=$most:literal, $($field:ident).+) => {
        Key {
            name: $name,
            about: $about,
            example: None,
            set: |values, text| {
                values.$($field).+ = count(text, $least, $most)?;
                Ok(())
            },
            show: |values| values.$($field).+.to_string(),
        }
    };
}

/// A period; shorter ones than the least are refused.
macro_rules! period {
    ($name:literal, $about:literal, $least:literal.., $($field:ident).+) => {
        Key {
            name: $name,
            about: $about,
            example: None,
            set: |values, text| {
                values.$($field).+ = period(text, Duration::from_millis($least))?;
                Ok(())
            },
            show: |values| shown(values.$($field).+),
        }
    };
}

/// A setting of a market that is collected live.
#[cfg(feature = "live")]
macro_rules! market {
    ($name:literal, $about:literal, $market:literal, $field:ident) => {
        market!($name, $about, $market, $field, |text| Ok(text.to_owned()), String::clone)
    };
    ($name:literal, $about:literal, $market:literal, $field:ident, $read:expr, $show:expr) => {
        Key {
            name: $name,
            about: $about,
            example: None,
            set: |values, text| {
                let read: fn(&str) -> Result<_, String> = $read;
                values.collect.markets[$market].$field = read(text)?;
                Ok(())
            },
            show: |values| {
                let show: fn(&_) -> String = $show;
                show(&values.collect.markets[$market].$field)
            },
        }
    };
}

pub(super) const STORE: &str = "store";
#[cfg(feature = "live")]
pub(super) const JOURNAL: &str = "collect.journal";
pub(super) const LATENESS: &str = "tape.lateness";
pub(super) const BATCH_SIZE: &str = "pipeline.batch_size";

/// All of them, in the order of the sample file.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: STORE,
        about: "Where the data is: sqlite://FILE, postgres://user@host/database, or memory: for nothing that lasts. A \
                path that is not absolute is looked for from the folder of this file",
        example: Some("sqlite://market.db"),
        set: |values, text| {
            // What is wrong is said without the text, which may hold a password.
            values.store = Some(text.parse().map_err(|error: crate::OpenError| error.to_string())?);
            Ok(())
        },
        show: |values| values.store.as_ref().map(ToString::to_string).unwrap_or_default(),
    },
    Key {
        name: "default_exchange",
        about: "The venue of a symbol that names none, as in ETH/USDT",
        example: None,
        set: |values, text| {
            values.provider.default_exchange =
                Exchange::try_new(text).map_err(|violations| violations.to_string())?;
            Ok(())
        },
        show: |values| values.provider.default_exchange.to_string(),
    },
    number!(
        "provider.max_limit",
        "Most candles of a timeframe, and most points of an order book, in one answer; a frame has 100 unless asked otherwise",
        100..=1_000_000,
        provider.max_limit
    ),
    period!("provider.max_context_window", "Longest context window", 1.., provider.max_context_window),
    period!(
        "provider.stale_after",
        "How far the clock may lie behind the wall clock before an answer for now is marked stale",
        0..,
        provider.stale_after
    ),
    number!(
        "pipeline.batch_size",
        "Rows of an instrument that make a batch due; what is stored does not depend on it. `onetape replay` uses 5000 \
         unless it is set",
        1..=100_000,
        pipeline.batch_size
    ),
    period!(
        "pipeline.flush_interval",
        "Age at which rows are written even if they are fewer",
        1..,
        pipeline.flush_interval
    ),
    number!(
        "pipeline.max_pending_rows",
        "Rows that may wait for the store; beyond it the feed is held back",
        1..=10_000_000,
        pipeline.max_pending_rows
    ),
    number!(
        "pipeline.max_pending_bytes",
        "Bytes of memory that such rows may take, roughly; beyond it the feed is held back",
        1_000_000..=1_000_000_000_000,
        pipeline.max_pending_bytes
    ),
    number!("pipeline.writers", "Instruments that are written at the same time", 1..=1_000, pipeline.writers),
    number!(
        "pipeline.max_pending_quarantine",
        "Refused records that may wait for the store; beyond it the feed is held back",
        1..=1_000_000,
        pipeline.max_pending_quarantine
    ),
    period!(
        "pipeline.retry_for",
        "How long a store may fail on end while somebody waits for it (a feed that is held back, a flush); then that call \
         gives up, and the writer goes on",
        0..,
        pipeline.retry_for
    ),
    period!(
        "pipeline.first_retry_pause",
        "First pause between retries; later ones double, up to max_retry_pause",
        1..,
        pipeline.first_retry_pause
    ),
    period!("pipeline.max_retry_pause", "Longest pause between retries", 1.., pipeline.max_retry_pause),
    number!(
        "pipeline.restore_candles",
        "Closed candles of each timeframe read back from the store when an instrument starts",
        1..=10_000,
        pipeline.restore_candles
    ),
    number!("pipeline.feed_chunk", "Events taken from a feed at once", 1..=100_000, pipeline.feed_chunk),
    period!(
        "pipeline.import_interval",
        "How often the store is asked for imports that wait to be taken in",
        1_000..,
        pipeline.import_interval
    ),
    Key {
        name: "journal.mode",
        about: "When something is acknowledged where there is a journal: always (once it is on the disk) or on_trouble (that only \
                while the store fails; otherwise at once, and a crash loses what was taken in since the journal last synced)",
        example: None,
        set: |values, text| {
            values.pipeline.journal_mode = match text {
                "always" => JournalMode::Always,
                "on_trouble" => JournalMode::OnTrouble,
                _ => return Err("must be always or on_trouble".to_owned()),
            };
            Ok(())
        },
        show: |values| values.pipeline.journal_mode.as_str().to_owned(),
    },
    #[cfg(feature = "journal")]
    Key {
        name: "journal.interval",
        about: "How long what nobody waits for may stay out of the journal; 0s: it is written and synced at once",
        example: None,
        set: |values, text| {
            let interval = period(text, Duration::ZERO)?;
            if interval > Duration::from_secs(60) {
                return Err("must be at most 1m".to_owned());
            }
            values.journal.interval = interval;
            Ok(())
        },
        show: |values| shown(values.journal.interval),
    },
    number!(
        "journal.segment_bytes",
        "Bytes of a segment of the journal: what the store has goes in pieces of about this size",
        4_096..=1_000_000_000_000,
        pipeline.journal_segment_bytes
    ),
    number!(
        "journal.max_bytes",
        "Bytes of the journal; beyond it the feed is held back until the store has caught up",
        1_000_000..=1_000_000_000_000_000,
        pipeline.max_journal_bytes
    ),
    Key {
        name: LATENESS,
        about: "How late a trade of a tape may come before its candle is closed without it; the venue's own unless it is set",
        example: Some("500ms"),
        set: |values, text| {
            values.lateness = Some(period(text, Duration::ZERO)?);
            Ok(())
        },
        show: |values| values.lateness.map(shown).unwrap_or_default(),
    },
    #[cfg(feature = "legacy")]
    super::legacy::FOLDER,
    #[cfg(feature = "legacy")]
    super::legacy::TIMEFRAMES,
    #[cfg(feature = "legacy")]
    super::legacy::INTERVAL,
    #[cfg(feature = "live")]
    Key {
        name: "collect.instruments",
        about: "What `onetape collect` collects when it is given no instruments, divided by commas",
        example: Some("binance:ETH/USDT, binance:BTC/USDT:USDT"),
        set: |values, text| {
            values.collect.instruments = collect::names(text)?;
            Ok(())
        },
        show: |values| values.collect.instruments.join(", "),
    },
    #[cfg(feature = "live")]
    Key {
        name: "collect.depth",
        about: "Whether order books are collected beside the trades: on or off",
        example: None,
        set: |values, text| values.collect.set_depth(text),
        show: |values| values.collect.depth(),
    },
    #[cfg(feature = "live")]
    Key {
        name: JOURNAL,
        about: "Folder of the journal, which keeps what the store does not have yet; without one a crash loses that. A \
                path that is not absolute is looked for from the folder of this file",
        example: Some("journal"),
        set: |values, text| {
            values.collect.journal = Some(text.into());
            Ok(())
        },
        show: |values| {
            values.collect.journal.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
        },
    },
    #[cfg(feature = "live")]
    period!(
        "collect.repair_interval",
        "How often trades that are missing are asked of the venue's history; 0s: never",
        0..,
        collect.repair_interval
    ),
    #[cfg(feature = "live")]
    period!("collect.stop_within", "How long an orderly stop may take", 100.., collect.stop_within),
    #[cfg(feature = "live")]
    market!("collect.spot.websocket", "Where the streams of spot are", 0, websocket),
    #[cfg(feature = "live")]
    market!("collect.spot.rest", "Where the REST interface of spot is", 0, rest),
    #[cfg(feature = "live")]
    market!(
        "collect.spot.trades",
        "Which trades of spot are collected: single ones, or aggregate ones, which put the fills of an order at one price together",
        0,
        trades,
        collect::trades,
        |trades| collect::shown(*trades)
    ),
    #[cfg(feature = "live")]
    market!("collect.usdm.websocket", "Where the streams of USD-M futures are", 1, websocket),
    #[cfg(feature = "live")]
    market!("collect.usdm.rest", "Where the REST interface of USD-M futures is", 1, rest),
    #[cfg(feature = "live")]
    market!(
        "collect.usdm.trades",
        "Which trades of USD-M futures are collected: single ones, or aggregate ones, which put the fills of an order at one price together",
        1,
        trades,
        collect::trades,
        |trades| collect::shown(*trades)
    ),
    #[cfg(feature = "live")]
    market!("collect.coinm.websocket", "Where the streams of COIN-M futures are", 2, websocket),
    #[cfg(feature = "live")]
    market!("collect.coinm.rest", "Where the REST interface of COIN-M futures is", 2, rest),
    #[cfg(feature = "live")]
    market!(
        "collect.coinm.trades",
        "Which trades of COIN-M futures are collected: single ones, or aggregate ones, which put the fills of an order at one price together",
        2,
        trades,
        collect::trades,
        |trades| collect::shown(*trades)
    ),
    #[cfg(feature = "timescale")]
    number!(
        "pools.reader.max_connections",
        "Most connections of readers",
        1..=1_000,
        pools.reader.max_connections
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.reader.acquire_timeout",
        "How long a read waits for a connection; 0s: for ever, as in all periods of pools",
        0..,
        pools.reader.acquire_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.reader.statement_timeout",
        "How long a statement may take",
        0..,
        pools.reader.statement_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.reader.lock_timeout",
        "How long a statement may wait for a lock",
        0..,
        pools.reader.lock_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.reader.idle_in_transaction_timeout",
        "How long the reader of a stream may think about a page",
        0..,
        pools.reader.idle_in_transaction_timeout
    ),
    #[cfg(feature = "timescale")]
    number!(
        "pools.writer.max_connections",
        "Most connections of writers",
        1..=1_000,
        pools.writer.max_connections
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.writer.acquire_timeout",
        "How long a write waits for a connection",
        0..,
        pools.writer.acquire_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.writer.statement_timeout",
        "How long a statement may take",
        0..,
        pools.writer.statement_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.writer.lock_timeout",
        "How long a statement may wait for a lock",
        0..,
        pools.writer.lock_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.writer.idle_in_transaction_timeout",
        "How long a transaction may do nothing",
        0..,
        pools.writer.idle_in_transaction_timeout
    ),
    #[cfg(feature = "timescale")]
    number!(
        "pools.admin.max_connections",
        "Most connections of administration",
        1..=1_000,
        pools.admin.max_connections
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.admin.acquire_timeout",
        "How long administration waits for a connection",
        0..,
        pools.admin.acquire_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.admin.statement_timeout",
        "How long a statement may take",
        0..,
        pools.admin.statement_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.admin.lock_timeout",
        "How long a statement may wait for a lock",
        0..,
        pools.admin.lock_timeout
    ),
    #[cfg(feature = "timescale")]
    period!(
        "pools.admin.idle_in_transaction_timeout",
        "How long a transaction may do nothing",
        0..,
        pools.admin.idle_in_transaction_timeout
    ),
];

/// Rules that two settings have together.
pub(super) fn check(values: &Values) -> Result<(), (&'static str, String)> {
    let pipeline = &values.pipeline;
    if pipeline.max_retry_pause < pipeline.first_retry_pause {
        let reason =
            format!("must be at least pipeline.first_retry_pause, {}", shown(pipeline.first_retry_pause));
        return Err(("pipeline.max_retry_pause", reason));
    }
    Ok(())
}
