//! Tapes written for a test, and feeds read to their end.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use onetape_domain::instrument::Market;
use onetape_domain::message::{FeedMessage, QuarantinedRecord};
use onetape_exchanges::{BinanceParser, TapeFeed, TapeOptions};
use onetape_ports::{Feed, FeedError, FeedEvent};
use tempfile::TempDir;

/// Nanoseconds of the first line of a tape; those after it follow by a second.
pub(crate) const START: i64 = 1_723_161_254_000_000_000;

/// A spot trade.
pub(crate) fn trade(symbol: &str, id: i64) -> String {
    format!(
        r#"{{"e":"trade","E":1723161255310,"s":"{symbol}","t":{id},"p":"2683.81","q":"0.5","T":1723161255309,"m":true,"M":true}}"#
    )
}

/// A spot diff.
pub(crate) fn diff(symbol: &str, first: u64, last: u64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":1723161255408,"s":"{symbol}","U":{first},"u":{last},"b":[["2683.80","1"]],"a":[]}}"#
    )
}

/// A REST snapshot.
pub(crate) fn snapshot(last_update: u64) -> String {
    format!(r#"{{"lastUpdateId":{last_update},"bids":[["2683.80","1"]],"asks":[["2683.81","2"]]}}"#)
}

/// Lines of a tape, a second apart.
pub(crate) fn lines(messages: &[String]) -> String {
    let line = |(n, message): (usize, &String)| format!("{} {message}\n", START + n as i64 * 1_000_000_000);
    messages.iter().enumerate().map(line).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("gzip in memory");
    encoder.finish().expect("gzip in memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("zstd in memory")
}

/// A folder for a test's files.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(crate) fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file in the temporary folder");
    path
}

pub(crate) fn open(files: Vec<PathBuf>) -> TapeFeed<BinanceParser> {
    TapeFeed::open(files, BinanceParser::new(Market::Spot), TapeOptions::default())
        .expect("a tape that is there")
}

/// What a feed delivered until it ended or failed.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    pub(crate) messages: Vec<FeedMessage>,
    pub(crate) quarantined: Vec<QuarantinedRecord>,
    pub(crate) error: Option<FeedError>,
}

impl Delivered {
    /// The first broken rule of every quarantined record.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.quarantined.iter().map(|record| record.violations.to_string()).collect()
    }
}

/// Reads a feed to its end in batches of `limit`, watching over the contract of [`Feed`].
pub(crate) async fn drain(feed: &mut impl Feed, limit: usize) -> Delivered {
    let mut delivered = Delivered::default();
    let mut events = Vec::new();
    loop {
        let more = feed.next_batch(&mut events, limit).await;
        assert!(events.len() <= limit, "at most {limit} events, got {}", events.len());
        assert!(
            !matches!(more, Ok(more) if more == events.is_empty()),
            "{more:?} with {} events",
            events.len()
        );
        for event in events.drain(..) {
            match event {
                FeedEvent::Message(message) => delivered.messages.push(message),
                FeedEvent::Quarantined(record) => delivered.quarantined.push(record),
            }
        }
        match more {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                delivered.error = Some(error);
                break;
            }
        }
    }
    if delivered.error.is_none() {
        assert!(matches!(feed.next_batch(&mut events, limit).await, Ok(false)), "the end is for ever");
    }
    delivered
}

/// Reads files as a spot tape.
pub(crate) async fn read(files: Vec<PathBuf>) -> Delivered {
    drain(&mut open(files), 1_000).await
}

/// Reads one file of these bytes as a spot tape.
pub(crate) async fn read_bytes(name: &str, bytes: impl AsRef<[u8]>) -> Delivered {
    let folder = folder();
    read(vec![write(folder.path(), name, bytes)]).await
}
