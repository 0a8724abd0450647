//! One WebSocket connection: from the handshake to the reason it ended.

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use onetape_domain::message::ConnectionId;
use onetape_domain::time::Timestamp;
use onetape_ports::WallClock;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::config::Timing;
use super::error::LiveError;
use super::feed::Item;
use super::net::{Io, Server};

/// Longest message. The longest of a recording has 40 kB; a diff of a whole book would have about 200 kB.
const MAX_MESSAGE: usize = 1 << 20;
/// How long a venue is left alone that refuses a connection without saying for how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);
/// How long a close may take.
const CLOSING: Duration = Duration::from_secs(1);

/// A connection that is up.
pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Io>>,
    timing: Timing,
    /// When anything came last, and when market data did.
    heard: Instant,
    told: Instant,
    pinged: bool,
    farewell: Option<String>,
}

/// What a connection came to.
#[derive(Debug)]
pub(super) enum Event {
    /// A message of the venue, with our clock at its receipt.
    Message(Bytes, Timestamp),
    /// It is of no use any more; why.
    Lost(String),
}

impl Connection {
    /// Connects to a path of combined streams.
    pub(super) async fn open(server: &Server, path: &str, timing: Timing) -> Result<Self, LiveError> {
        let within = timing.connect;
        let timeout = |_| LiveError::Timeout { url: server.url().to_owned(), after: within };
        let stream = server.connect(within).await?;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MAX_MESSAGE);
        config.max_frame_size = Some(MAX_MESSAGE);
        let handshake = tokio_tungstenite::client_async_with_config(server.at(path), stream, Some(config));
        let (socket, _) = tokio::time::timeout(within, handshake)
            .await
            .map_err(timeout)?
            .map_err(|error| refused(server, error))?;
        let now = Instant::now();
        Ok(Self { socket, timing, heard: now, told: now, pinged: false, farewell: None })
    }

    /// Waits for the next message. Cancellation safe. Time in which nobody calls it is not taken for silence.
    pub(super) async fn next(&mut self, clock: &dyn WallClock) -> Event {
        loop {
            let (deadline, is_ping) = self.deadline();
            let message = tokio::select! {
                message = self.socket.next() => message,
                () = tokio::time::sleep_until(deadline) => {
                    match self.overdue(is_ping).await {
                        Some(reason) => return Event::Lost(reason),
                        None => continue,
                    }
                }
            };
            let received_at = clock.now();
            self.heard = Instant::now();
            self.pinged = false;
            match message {
                Some(Ok(Message::Text(text))) => return self.tell(text.into(), received_at),
                Some(Ok(Message::Binary(bytes))) => return self.tell(bytes, received_at),
                Some(Ok(Message::Close(frame))) => {
                    self.farewell = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                }
                // Pings are answered by the library with the next read.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(WsError::ConnectionClosed)) | None => {
                    let farewell = self.farewell.take().unwrap_or_default();
                    return Event::Lost(format!("the venue closed it {farewell}").trim_end().to_owned());
                }
                Some(Err(error)) => return Event::Lost(error.to_string()),
            }
        }
    }

    fn tell(&mut self, text: Bytes, received_at: Timestamp) -> Event {
        self.told = self.heard;
        Event::Message(text, received_at)
    }

    /// Forgets the time in which the connection was not read.
    pub(super) fn resume(&mut self) {
        let now = Instant::now();
        (self.heard, self.told) = (now, now);
    }

    /// When something is to be done about its silence, and whether that is a ping.
    fn deadline(&self) -> (Instant, bool) {
        let lost = (self.heard + self.timing.idle).min(self.told + self.timing.quiet);
        let ping = self.heard + self.timing.idle / 2;
        if !self.pinged && ping < lost { (ping, true) } else { (lost, false) }
    }

    /// Sends a ping, or says why the connection is given up.
    async fn overdue(&mut self, is_ping: bool) -> Option<String> {
        if !is_ping {
            let quiet = self.told + self.timing.quiet <= Instant::now();
            let limit = if quiet { self.timing.quiet } else { self.timing.idle };
            let what = if quiet { "no market data" } else { "nothing" };
            return Some(format!("{what} came for {} s", limit.as_secs_f32()));
        }
        self.pinged = true;
        let ping = self.socket.send(Message::Ping(Bytes::new()));
        match tokio::time::timeout(self.timing.idle / 2, ping).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("a ping could not be sent in {} s", (self.timing.idle / 2).as_secs_f32())),
        }
    }

    /// Says goodbye, and waits for no answer.
    pub(super) async fn close(mut self) {
        let _ = tokio::time::timeout(CLOSING, self.socket.close(None)).await;
    }
}

fn refused(server: &Server, error: WsError) -> LiveError {
    let url = server.url().to_owned();
    match error {
        WsError::Http(response) => {
            let status = response.status().as_u16();
            let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let seconds = header.and_then(|seconds| seconds.trim().parse().ok());
            if matches!(status, 429 | 418) {
                let retry_after = seconds.map_or(DEFAULT_PAUSE, Duration::from_secs);
                return LiveError::Limited { url, status, retry_after };
            }
            let body = response.into_body().unwrap_or_default();
            let message = String::from_utf8_lossy(&body[..body.len().min(300)]).trim().to_owned();
            LiveError::Status { url, status, message }
        }
        error => LiveError::Unreachable { url, source: error.into() },
    }
}

/// Resolves when the feed is told to stop, or is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Where messages go, with the shard and connection they came through.
pub(super) struct Outlet {
    pub(super) items: mpsc::Sender<Item>,
    pub(super) shard: usize,
    pub(super) connection: ConnectionId,
}

impl Outlet {
    /// Waits for room; false when the feed is gone.
    pub(super) async fn send(&self, text: Bytes, received_at: Timestamp) -> bool {
        let Self { items, shard, connection } = self;
        items.send(Item::Message { shard: *shard, connection: *connection, received_at, text }).await.is_ok()
    }
}
