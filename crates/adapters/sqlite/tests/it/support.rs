//! A file for each store, and a market to put into it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_sqlite::SqliteStore;
use onetape_testkit::Recording;
use onetape_testkit::generator::Market;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

/// The first instant of the tests' market.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);

/// A folder that goes with its value.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    files: AtomicU32,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), files: AtomicU32::new(0) }
    }

    /// Path of a file that is not there yet.
    pub(crate) fn file(&self) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{number}.db"))
    }

    /// A store on a file of its own.
    pub(crate) async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.file()).await.expect("a new file can be opened")
    }
}

/// A connection past the store, as any other program has.
pub(crate) async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.expect("the file can be opened")
}

pub(crate) fn instrument() -> Instrument {
    "binance:ETH/USDT".parse().expect("a valid name")
}

/// So many seconds of a market, in batches.
pub(crate) fn market(seconds: u32) -> Recording {
    let market = Market { start: START, seconds, levels: 20, ..Market::new(instrument(), 3) };
    let mut recording = Recording::new(instrument(), VenueRules::BINANCE_SPOT);
    for messages in market.messages().chunks(200) {
        messages.iter().for_each(|message| drop(recording.process(message)));
        recording.cut(false);
    }
    recording
}
