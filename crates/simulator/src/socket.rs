//! One WebSocket connection: what it subscribes to is delivered by the market's time, with the faults of the script.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use onetape_domain::time::Timestamp;
use onetape_ports::WallClock as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::faults::{Fault, Incident};
use crate::limits::{MAX_STREAMS, frames_a_second};
use crate::timeline::{Channel, micros};
use crate::venue::Venue;

/// Most messages sent before incoming frames are looked at again.
const BURST: usize = 512;
/// How long the client may take to answer a ping.
const PONG_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection and what it asked for.
pub(crate) struct Connection {
    venue: Arc<Venue>,
    socket: WebSocketStream<TcpStream>,
    /// Whether messages come in an envelope with the name of their stream.
    combined: bool,
    names: BTreeSet<String>,
    channels: HashSet<Channel>,
    /// Place in the timeline of the next message.
    cursor: usize,
    held_until: Option<Timestamp>,
    incidents: Receiver<Incident>,
    frames: VecDeque<Instant>,
    unanswered_ping: Option<Instant>,
    /// Whether it is counted among those that have something left to deliver.
    is_delivering: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.set_delivering(false);
    }
}

/// Why a connection ends.
enum End {
    /// The client went away, or its connection broke.
    Gone,
    /// With a close frame.
    Close(CloseCode, &'static str),
    /// Without a word.
    Reset,
    /// Without a word, because the client does not read.
    Slow,
    /// The socket stays open, and nothing more is read or written.
    Dead,
}

impl From<tungstenite::Error> for End {
    fn from(error: tungstenite::Error) -> Self {
        tracing::debug!(%error, "a client is gone");
        Self::Gone
    }
}

impl Connection {
    pub(crate) fn new(
        venue: Arc<Venue>,
        socket: WebSocketStream<TcpStream>,
        combined: bool,
        names: Vec<String>,
    ) -> Self {
        let incidents = venue.shared.incidents.subscribe();
        let mut connection = Self {
            venue,
            socket,
            combined,
            names: BTreeSet::new(),
            channels: HashSet::new(),
            cursor: 0,
            held_until: None,
            incidents,
            frames: VecDeque::new(),
            unanswered_ping: None,
            is_delivering: false,
        };
        connection.subscribe(names);
        connection
    }

    /// Serves the client to the end of one of both.
    pub(crate) async fn serve(mut self) {
        self.venue.shared.counters.served("connections opened");
        let end = match self.deliver().await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        self.set_delivering(false);
        let counters = &self.venue.shared.counters;
        match end {
            End::Gone => {}
            End::Close(code, reason) => {
                let frame = CloseFrame { code, reason: reason.into() };
                // The client may be gone already.
                let _ = self.socket.close(Some(frame)).await;
            }
            End::Reset | End::Slow => {
                if matches!(end, End::Slow) {
                    counters.injected(Fault::SlowReader);
                }
                // With nothing to linger for, the system sends a reset.
                let _ = self.socket.get_ref().set_zero_linger();
            }
            End::Dead => {
                counters.injected(Fault::DeadSocket);
                let _ = tokio::io::copy(self.socket.get_mut(), &mut tokio::io::sink()).await;
            }
        }
        counters.served("connections ended");
    }

    async fn deliver(&mut self) -> Result<std::convert::Infallible, End> {
        let shared = self.venue.shared.clone();
        let mut pings = tokio::time::interval(shared.ping_every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        loop {
            let due = self.due();
            tokio::select! {
                incident = self.incidents.recv() => {
                    if let Ok(incident) = incident {
                        self.suffer(&incident)?;
                    }
                }
                frame = self.socket.next() => match frame {
                    None => return Err(End::Gone),
                    Some(frame) => self.take(frame?).await?,
                },
                () = shared.clock.wait_until(due.unwrap_or(Timestamp::LATEST)), if due.is_some() => {
                    tokio::time::timeout(shared.patience, self.send_due()).await.map_err(|_| End::Slow)??;
                }
                _ = pings.tick() => self.ping().await?,
            }
        }
    }

    /// When the next message is to be sent, if one is left.
    fn due(&self) -> Option<Timestamp> {
        let item = self.venue.timeline.items.get(self.cursor).filter(|_| !self.channels.is_empty())?;
        Some(self.held_until.map_or(item.at, |held| held.max(item.at)))
    }

    async fn send_due(&mut self) -> Result<(), End> {
        self.held_until = None;
        let now = self.venue.shared.clock.now();
        let venue = self.venue.clone();
        for item in venue.timeline.items[self.cursor..].iter().take(BURST).take_while(|item| item.at <= now) {
            self.cursor += 1;
            if !self.channels.contains(&item.channel) {
                continue;
            }
            let script = &venue.scripts[item.channel.0];
            if let Some(fault) = item.fate {
                venue.shared.counters.injected(fault);
            }
            let Some(mut text) = item.text(script) else { continue };
            if self.combined {
                let stream = format!("{}@{}", script.native().to_lowercase(), item.channel.1.suffix());
                text = format!("{{\"stream\":\"{stream}\",\"data\":{text}}}");
            }
            venue.shared.counters.served("messages sent");
            self.socket.feed(Message::text(text)).await?;
        }
        self.socket.flush().await?;
        self.set_delivering(self.due().is_some());
        Ok(())
    }

    fn set_delivering(&mut self, is_delivering: bool) {
        if self.is_delivering != is_delivering {
            self.is_delivering = is_delivering;
            let delivering = &self.venue.shared.delivering;
            delivering.send_modify(|count| if is_delivering { *count += 1 } else { *count -= 1 });
        }
    }

    fn suffer(&mut self, incident: &Incident) -> Result<(), End> {
        let counters = &self.venue.shared.counters;
        match incident {
            // Part of the timeline.
            Incident::Silence(..) => {}
            Incident::DeadSockets => return Err(End::Dead),
            Incident::Close => {
                counters.injected(Fault::Closed);
                return Err(End::Close(CloseCode::Restart, "the simulator closes connections"));
            }
            Incident::Reset => {
                counters.injected(Fault::Reset);
                return Err(End::Reset);
            }
            Incident::Stall(lasting) => {
                counters.injected(Fault::Stalled);
                self.held_until = Some(self.venue.shared.clock.now().plus(micros(*lasting)));
            }
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.unanswered_ping.is_some_and(|sent| now.duration_since(sent) >= PONG_TIMEOUT) {
            self.venue.shared.counters.breach("a ping was not answered within a minute".to_owned());
            return Err(End::Close(CloseCode::Policy, "Pong timeout"));
        }
        self.unanswered_ping.get_or_insert(now);
        self.venue.shared.counters.served("pings sent");
        let text = self.venue.shared.clock.now().micros().to_string();
        Ok(self.socket.send(Message::Ping(text.into())).await?)
    }

    async fn take(&mut self, frame: Message) -> Result<(), End> {
        let limit = frames_a_second(self.venue.market);
        let now = Instant::now();
        self.frames.push_back(now);
        while self.frames.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            self.frames.pop_front();
        }
        if self.frames.len() > limit {
            self.venue.shared.counters.breach(format!("more than {limit} frames were sent in a second"));
            return Err(End::Close(CloseCode::Policy, "Too many requests"));
        }
        match frame {
            Message::Text(text) => {
                let answer = self.request(&text);
                Ok(self.socket.send(Message::text(answer.to_string())).await?)
            }
            Message::Pong(_) => {
                self.venue.shared.counters.served("pongs received");
                self.unanswered_ping = None;
                Ok(())
            }
            Message::Ping(_) => {
                self.venue.shared.counters.served("pings received");
                // The answer is made by the library; this sends it.
                Ok(self.socket.flush().await?)
            }
            Message::Close(_) => {
                let _ = self.socket.flush().await;
                Err(End::Gone)
            }
            Message::Binary(_) | Message::Frame(_) => Ok(()),
        }
    }

    /// Answers `SUBSCRIBE` and the like.
    fn request(&mut self, text: &str) -> Value {
        let invalid =
            |why: String| json!({ "error": { "code": 2, "msg": format!("Invalid request: {why}") } });
        let request: Value = match serde_json::from_str(text) {
            Ok(request) => request,
            Err(error) => return invalid(error.to_string()),
        };
        let params = request["params"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = params.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        match request["method"].as_str() {
            Some("SUBSCRIBE") => self.subscribe(names),
            Some("UNSUBSCRIBE") => self.unsubscribe(&names),
            Some("LIST_SUBSCRIPTIONS") => return json!({ "result": self.names, "id": request["id"] }),
            _ => return invalid("unknown method".to_owned()),
        }
        json!({ "result": null, "id": request["id"] })
    }

    fn subscribe(&mut self, names: Vec<String>) {
        if self.channels.is_empty() {
            let now = self.venue.shared.clock.now();
            self.cursor = self.venue.timeline.place_of(now);
        }
        let mut new = 0;
        for name in names {
            // The venue says nothing of streams it does not have.
            let channel = self.venue.channel(&name);
            new += usize::from(channel.is_some_and(|channel| self.channels.insert(channel)));
            self.names.insert(name);
        }
        if self.names.len() > MAX_STREAMS {
            self.venue.shared.counters.breach(format!("a connection has {} streams", self.names.len()));
        }
        self.set_delivering(self.due().is_some());
        self.venue.shared.subscribed(new);
    }

    fn unsubscribe(&mut self, names: &Vec<String>) {
        for name in names {
            self.names.remove(name);
            if let Some(channel) = self.venue.channel(name) {
                self.channels.remove(&channel);
            }
        }
        self.set_delivering(self.due().is_some());
    }
}
