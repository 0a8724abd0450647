//! Keeps the streams of some instruments coming: one connection, and the next one when that is lost or has grown old.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use onetape_domain::message::ConnectionId;
use onetape_domain::time::SECOND;
use onetape_ports::{WallClock, with_causes};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::config::LiveConfig;
use super::connection::{Connection, Event, Outlet, stopped};
use super::error::LiveError;
use super::feed::Item;
use super::limits::Window;
use super::net::Server;
use super::stats::{Counters, add, count};

/// What all shards of a feed have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: LiveConfig,
    pub(super) server: Server,
    pub(super) attempts: Window,
    pub(super) clock: Arc<dyn WallClock>,
    pub(super) counters: Counters,
    pub(super) last_connection: AtomicU32,
}

impl Shared {
    /// A number no connection of this run has, nor, as long as the clock is right, one of an earlier run: what is known of
    /// a connection is stored with its instruments.
    fn next_connection(&self) -> ConnectionId {
        let seconds = u32::try_from(self.clock.now().micros() / SECOND).unwrap_or(0);
        let next = |last: u32| Some(last.saturating_add(1).max(seconds).min(u32::MAX - 1));
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        self.last_connection.fetch_update(set, get, next).ok().and_then(next).unwrap_or(seconds)
    }
}

/// Some streams that share a connection.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    /// Path and query of its streams.
    pub(super) path: String,
    pub(super) items: mpsc::Sender<Item>,
    pub(super) stop: watch::Receiver<bool>,
}

/// How a connection ended.
enum End {
    /// The feed stops, or another connection has taken over.
    Done,
    /// It did not come about, or was lost.
    Lost { reason: String, delivered: bool },
}

/// Keeps a shard going in a task of its own until the feed stops. `begun` is told of the first message.
pub(super) fn keep(shard: Arc<Shard>, begun: Option<oneshot::Sender<()>>) {
    let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(shard.keep(begun));
    tokio::spawn(task);
}

impl Shard {
    async fn keep(self: Arc<Self>, mut begun: Option<oneshot::Sender<()>>) {
        let mut stop = self.stop.clone();
        let timing = self.shared.config.timing;
        let pauses = || {
            let growing = ExponentialBuilder::default().with_min_delay(timing.first_pause);
            growing.with_max_delay(timing.max_pause).without_max_times().with_jitter().build()
        };
        let mut pause = pauses();
        while let End::Lost { reason, delivered } = self.connect_once(&mut begun, &mut stop).await {
            if delivered {
                pause = pauses();
            }
            let wait = pause.next().unwrap_or(timing.max_pause);
            let pause_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                market = %self.shared.config.market, shard = self.index, reason, retry.pause_ms = pause_ms,
                "connection lost, connecting again"
            );
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopped(&mut stop) => return,
                () = self.items.closed() => return,
            }
        }
    }

    async fn connect_once(
        self: &Arc<Self>,
        begun: &mut Option<oneshot::Sender<()>>,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        let shared = &self.shared;
        let outlet =
            Outlet { items: self.items.clone(), shard: self.index, connection: shared.next_connection() };
        let opened = tokio::select! {
            opened = self.open() => opened,
            () = stopped(stop) => return End::Done,
            () = self.items.closed() => return End::Done,
        };
        match opened {
            Ok(connection) => {
                tracing::info!(
                    market = %shared.config.market, shard = self.index, connection = outlet.connection, "connected"
                );
                count(&shared.counters.connected);
                let end = self.read(connection, &outlet, begun, stop).await;
                shared.counters.connected.fetch_sub(1, Ordering::Relaxed);
                end
            }
            Err(error) => {
                if let LiveError::Limited { retry_after, .. } = &error {
                    shared.attempts.pause(*retry_after);
                }
                End::Lost { reason: with_causes(&error), delivered: false }
            }
        }
    }

    async fn open(&self) -> Result<Connection, LiveError> {
        self.shared.attempts.take(1).await;
        count(&self.shared.counters.attempts);
        Connection::open(&self.shared.server, &self.path, self.shared.config.timing).await
    }

    /// Passes messages on until the connection is lost, replaced, or the feed stops.
    async fn read(
        self: &Arc<Self>,
        mut connection: Connection,
        outlet: &Outlet,
        begun: &mut Option<oneshot::Sender<()>>,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        let (shared, timing) = (&self.shared, self.shared.config.timing);
        let mut age = Age::Young { until: Instant::now() + timing.lifetime };
        let mut delivered = false;
        loop {
            let event = tokio::select! {
                event = connection.next(&*shared.clock) => event,
                () = age.changes() => {
                    match age.next(timing.overlap, || self.succeed()) {
                        Some(next) => age = next,
                        None => {
                            count(&shared.counters.renewed);
                            connection.close().await;
                            return End::Done;
                        }
                    }
                    continue;
                }
                () = stopped(stop) => {
                    connection.close().await;
                    return End::Done;
                }
                () = self.items.closed() => return End::Done,
            };
            match event {
                Event::Message(text, received_at) => {
                    count(&shared.counters.messages);
                    add(&shared.counters.bytes, text.len());
                    shared.counters.last_received.store(received_at.micros(), Ordering::Relaxed);
                    if !outlet.send(text, received_at).await {
                        return End::Done;
                    }
                    connection.resume();
                    delivered = true;
                    if let Some(begun) = begun.take() {
                        let _ = begun.send(());
                    }
                }
                Event::Lost(reason) => {
                    count(&shared.counters.lost);
                    return match age {
                        Age::Young { .. } => End::Lost { reason, delivered },
                        // Its successor is on the way and does not give up.
                        Age::Old { .. } | Age::Leaving { .. } => End::Done,
                    };
                }
            }
        }
    }

    /// Starts the connection that takes this one's place.
    fn succeed(self: &Arc<Self>) -> oneshot::Receiver<()> {
        let (begun, takes_over) = oneshot::channel();
        keep(self.clone(), Some(begun));
        takes_over
    }
}

/// Where a connection stands in its life.
enum Age {
    Young {
        until: Instant,
    },
    /// Its successor has not delivered anything yet.
    Old {
        takes_over: oneshot::Receiver<()>,
    },
    /// Both deliver.
    Leaving {
        until: Instant,
    },
}

impl Age {
    /// Waits for the end of this age. Cancellation safe.
    async fn changes(&mut self) {
        match self {
            Self::Young { until } | Self::Leaving { until } => tokio::time::sleep_until(*until).await,
            // An error says that the feed stops, which is noticed elsewhere too.
            Self::Old { takes_over } => drop(takes_over.await),
        }
    }

    /// The age after this one; none at the end.
    fn next(&self, overlap: Duration, succeed: impl FnOnce() -> oneshot::Receiver<()>) -> Option<Self> {
        match self {
            Self::Young { .. } => Some(Self::Old { takes_over: succeed() }),
            Self::Old { .. } => Some(Self::Leaving { until: Instant::now() + overlap }),
            Self::Leaving { .. } => None,
        }
    }
}
