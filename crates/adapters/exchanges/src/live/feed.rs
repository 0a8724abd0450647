//! The feed: messages of all its connections in the order they came, and books that were asked for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{ConnectionId, Payload, QuarantinedRecord};
use onetape_domain::time::Timestamp;
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;
use onetape_ports::WallClock;
use onetape_ports::feed::{Feed, FeedError, FeedEvent};
use tokio::sync::{mpsc, watch};

use super::config::{LiveConfig, Trades};
use super::error::LiveError;
use super::limits::Window;
use super::metadata::{InstrumentInfo, is_of, look_up};
use super::metrics;
use super::net::Server;
use super::record::Recorder;
use super::rest::Rest;
use super::shard::{self, Shard, Shared};
use super::snapshots::Snapshots;
use super::stats::{Counters, LiveStats};
use super::venue::{
    CONNECTION_ATTEMPTS, CONNECTION_PERIOD, MAX_STREAM_QUERY, MAX_STREAMS, StreamKind, WEIGHT_PERIOD,
    stream_path, venue,
};
use crate::binance::{BinanceParser, EXCHANGE};
use crate::wire::{Parsed, Refused, WireParser};

/// What connections and requests hand over.
#[derive(Debug)]
pub(super) enum Item {
    /// A message as it came.
    Message { shard: usize, connection: ConnectionId, received_at: Timestamp, text: Bytes },
    /// The answer to a request for a book.
    Book { instrument: Instrument, received_at: Timestamp, body: Bytes },
    /// A request for a book that failed.
    NoBook { instrument: Instrument },
}

/// A live feed of one market.
///
/// It never fails: lost connections are opened again until [`LiveControl::stop`] ends it in order. Dropping it closes its
/// connections.
#[derive(Debug)]
pub struct LiveFeed {
    shared: Arc<Shared>,
    infos: Vec<InstrumentInfo>,
    parser: BinanceParser,
    items: mpsc::Receiver<Item>,
    snapshots: Snapshots,
    recorder: Option<Recorder>,
    /// The newest connection of each shard.
    connections: Vec<ConnectionId>,
    /// The shard that carries the book of each instrument, in the order of `infos`.
    book_shards: Vec<usize>,
    /// So that the feed ends with its last handle.
    _stop: Arc<watch::Sender<bool>>,
}

/// Stops a live feed and tells how it is doing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LiveControl {
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
}

impl LiveControl {
    /// Ends the feed in order: connections are closed, and what was received is still delivered.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Counts so far.
    pub fn stats(&self) -> LiveStats {
        self.shared.counters.read()
    }
}

impl LiveFeed {
    /// Looks the instruments up at the venue and begins to connect.
    ///
    /// # Errors
    /// For an address that is none, no instrument, one that the venue does not list or trade, and a venue that cannot be
    /// asked within [`Timing::open`](super::Timing::open).
    pub async fn open(
        config: LiveConfig,
        instruments: &[Instrument],
        clock: Arc<dyn WallClock>,
    ) -> Result<(Self, LiveControl), LiveError> {
        let market = config.market;
        let server = Server::parse(&config.websocket, "ws", "wss")?;
        let rest = Server::parse(&config.rest, "http", "https")?;
        if instruments.is_empty() {
            return Err(LiveError::NoInstruments { market });
        }
        if let Some(other) = instruments.iter().find(|instrument| !is_of(instrument, market)) {
            return Err(LiveError::Unknown { instrument: other.clone(), market, similar: Vec::new() });
        }
        let weights = Window::new(venue(market).weight / 2, WEIGHT_PERIOD);
        let rest = Rest::new(rest, weights, config.timing.connect);
        let infos = look_up(&rest, market, instruments, config.timing.open).await?;
        let name = format!("{EXCHANGE}-{market}");
        let recorder =
            config.record.as_deref().map(|folder| Recorder::open(folder, name.clone())).transpose()?;
        let (stop, stopped) = watch::channel(false);
        let (queue, items) = mpsc::channel(config.queue.max(1));
        let shared = Arc::new(Shared {
            server,
            attempts: Window::new(CONNECTION_ATTEMPTS, CONNECTION_PERIOD),
            clock,
            counters: Counters::default(),
            last_connection: AtomicU32::new(0),
            config,
        });
        let books = infos.iter().filter(|_| shared.config.depth);
        let books = books.map(|info| (info.instrument.clone(), info.native.clone()));
        let snapshots = Snapshots::new(books, shared.clone(), rest, queue.clone(), stopped.clone());
        let (paths, book_shards) = shards(&shared.config, &infos);
        shared.counters.shards.store(paths.len() as u64, Ordering::Relaxed);
        let connections = vec![0; paths.len()];
        for (index, path) in paths.into_iter().enumerate() {
            let shard =
                Shard { shared: shared.clone(), index, path, items: queue.clone(), stop: stopped.clone() };
            shard::keep(Arc::new(shard), None);
        }
        tokio::spawn(metrics::publish_until_gone(name, Arc::downgrade(&shared), queue.downgrade()));
        let stop = Arc::new(stop);
        let control = LiveControl { shared: shared.clone(), stop: stop.clone() };
        let parser = BinanceParser::new(market);
        let feed =
            Self { shared, infos, parser, items, snapshots, recorder, connections, book_shards, _stop: stop };
        Ok((feed, control))
    }

    /// What the venue says of the instruments collected.
    pub fn instruments(&self) -> &[InstrumentInfo] {
        &self.infos
    }

    fn take(&mut self, item: Item, events: &mut Vec<FeedEvent>) {
        match item {
            Item::Message { shard, connection, received_at, text } => {
                self.connections[shard] = self.connections[shard].max(connection);
                events.extend(self.read(&text, received_at, connection));
            }
            Item::NoBook { instrument } => self.snapshots.answered(&instrument),
            Item::Book { instrument, received_at, body } => {
                self.snapshots.answered(&instrument);
                // As on a recording: an answer does not say whose it is.
                let native = self.snapshots.native(&instrument).unwrap_or_default().to_lowercase();
                let text =
                    [b"{\"stream\":\"", native.as_bytes(), b"@depthSnapshot\",\"data\":", &body[..], b"}"];
                let connection = self.book_connection(&instrument);
                events.extend(self.read(&text.concat(), received_at, connection));
            }
        }
    }

    /// The connection that carries the diffs of a book, to which a snapshot belongs.
    fn book_connection(&self, instrument: &Instrument) -> ConnectionId {
        let place = self.infos.iter().position(|info| info.instrument == *instrument);
        place.map_or(0, |place| self.connections[self.book_shards[place]])
    }

    /// Does something to the recording; where that fails, there is none from then on.
    fn record(&mut self, write: impl FnOnce(&mut Recorder) -> std::io::Result<()>) {
        let Some(recorder) = &mut self.recorder else { return };
        if let Err(error) = write(recorder) {
            tracing::error!(feed = %self, %error, "the recording ends here, collecting goes on");
            self.shared.counters.recording_failed.store(true, Ordering::Relaxed);
            self.recorder = None;
        }
    }

    /// The next item; none at the end of the feed. Cancellation safe.
    async fn next_item(&mut self) -> Option<Item> {
        loop {
            let Some(due) = self.recorder.as_ref().and_then(Recorder::due) else {
                return self.items.recv().await;
            };
            tokio::select! {
                item = self.items.recv() => return item,
                () = tokio::time::sleep_until(due) => self.record(Recorder::flush),
            }
        }
    }

    fn read(&mut self, text: &[u8], received_at: Timestamp, connection: ConnectionId) -> Option<FeedEvent> {
        self.record(|recorder| recorder.add(text, received_at, connection));
        let refused = match self.parser.parse(text, received_at, connection) {
            Ok(Parsed::Message(message)) if message.payload == Payload::Ticker => return None,
            Ok(Parsed::Message(message)) => return Some(FeedEvent::Message(message)),
            Ok(Parsed::Ignored(_)) => return None,
            Ok(Parsed::Unaddressed(book)) => {
                let update = book.book.last_update;
                Refused::from(Violations::one("book.last_update", update, "belongs to no instrument"))
            }
            Err(refused) => refused,
        };
        let origin = format!("{self}, connection {connection}");
        let mut record = QuarantinedRecord::new(origin, refused.violations, text);
        record.instrument = refused.instrument;
        record.received_at = Some(received_at);
        Some(FeedEvent::Quarantined(record))
    }
}

/// Paths of the connections, and which of them carries the book of each instrument.
fn shards(config: &LiveConfig, infos: &[InstrumentInfo]) -> (Vec<String>, Vec<usize>) {
    let trades = match config.trades {
        Trades::Single => StreamKind::Trades,
        Trades::Aggregate => StreamKind::AggregateTrades,
    };
    let path = |kind| stream_path(config.market, kind);
    let both = [trades, StreamKind::Depth];
    // What goes over one path goes over one connection: any message of an instrument proves both its streams alive.
    let groups: Vec<&[StreamKind]> = match config.depth {
        false => vec![&both[..1]],
        true if path(trades) == path(StreamKind::Depth) => vec![&both],
        true => vec![&both[..1], &both[1..]],
    };
    let (mut paths, mut book_shards) = (Vec::new(), Vec::new());
    for group in groups {
        let mut open: Option<(String, usize)> = None;
        let limit = config.instruments_per_connection.clamp(1, MAX_STREAMS / group.len());
        for info in infos {
            let streams: Vec<String> = group.iter().map(|kind| kind.of(&info.native)).collect();
            let streams = streams.join("/");
            open = match open.take() {
                Some((query, count)) if count < limit && query.len() + streams.len() < MAX_STREAM_QUERY => {
                    Some((format!("{query}/{streams}"), count + 1))
                }
                full => {
                    paths.extend(full.map(|(query, _)| format!("{}?streams={query}", path(group[0]))));
                    Some((streams, 1))
                }
            };
            if group.contains(&StreamKind::Depth) {
                book_shards.push(paths.len());
            }
        }
        paths.extend(open.map(|(query, _)| format!("{}?streams={query}", path(group[0]))));
    }
    (paths, book_shards)
}

#[async_trait]
impl Feed for LiveFeed {
    async fn next_batch(&mut self, events: &mut Vec<FeedEvent>, limit: usize) -> Result<bool, FeedError> {
        let (start, limit) = (events.len(), limit.max(1));
        loop {
            // Nothing is taken out of the queue before an await: dropping the call loses nothing.
            let Some(item) = self.next_item().await else {
                self.record(Recorder::flush);
                return Ok(false);
            };
            self.take(item, events);
            while events.len() < start + limit {
                let Ok(item) = self.items.try_recv() else { break };
                self.take(item, events);
            }
            if events.len() > start {
                return Ok(true);
            }
        }
    }

    fn want_books(&mut self, books: &[Instrument]) {
        self.snapshots.want(books);
    }

    fn rules(&self) -> VenueRules {
        self.parser.rules()
    }

    fn progress(&self) -> (u64, Option<u64>) {
        (self.shared.counters.read().bytes, None)
    }
}

impl fmt::Display for LiveFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "binance {} live", self.shared.config.market)
    }
}

#[cfg(test)]
mod tests {
    use onetape_domain::instrument::Market;

    use super::*;

    fn infos(count: usize) -> Vec<InstrumentInfo> {
        let info = |n| InstrumentInfo {
            instrument: format!("binance:A{n}/USDT").parse().expect("an instrument"),
            native: format!("A{n}USDT"),
            status: "TRADING".into(),
            tick: None,
            step: None,
        };
        (0..count).map(info).collect()
    }

    #[test]
    fn trades_and_book_of_an_instrument_share_a_connection() {
        let (paths, books) = shards(&LiveConfig::new(Market::Spot), &infos(1));
        assert_eq!(paths, ["/stream?streams=a0usdt@trade/a0usdt@depth@100ms"]);
        assert_eq!(books, [0]);
    }

    #[test]
    fn where_the_venue_parts_categories_they_do_not() {
        let (paths, books) = shards(&LiveConfig::new(Market::Usdm), &infos(1));
        let want = ["/market/stream?streams=a0usdt@aggTrade", "/public/stream?streams=a0usdt@depth@100ms"];
        assert_eq!((&paths[..], &books[..]), (&want.map(str::to_owned)[..], &[1][..]));
        let single = LiveConfig { trades: Trades::Single, ..LiveConfig::new(Market::Usdm) };
        assert_eq!(shards(&single, &infos(1)).0, ["/public/stream?streams=a0usdt@trade/a0usdt@depth@100ms"]);
        let bare = LiveConfig { depth: false, ..single };
        assert_eq!(shards(&bare, &infos(1)), (vec!["/public/stream?streams=a0usdt@trade".into()], vec![]));
    }

    #[test]
    fn many_instruments_are_spread_under_the_venues_limits() {
        let config = LiveConfig { instruments_per_connection: 10_000, ..LiveConfig::new(Market::Spot) };
        let infos = infos(2_000);
        let (paths, books) = shards(&config, &infos);
        let mut streams = 0;
        for path in &paths {
            let count = path.split_once('=').expect("a query").1.split('/').count();
            assert!(count <= MAX_STREAMS && path.len() < MAX_STREAM_QUERY + 20, "{count} {}", path.len());
            streams += count;
        }
        assert_eq!(streams, 4_000);
        for (info, shard) in infos.iter().zip(books) {
            let stream = StreamKind::Depth.of(&info.native);
            assert!(
                paths[shard].split(['=', '/']).any(|found| found == stream),
                "{stream} is not on {shard}"
            );
        }
    }
}
