//! Between a client and a server: a TCP proxy whose connections are delayed, cut, held or refused by a test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes passed on at once.
const PIECE: usize = 16 << 10;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What the proxy does with connections, open ones and new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// Everything is passed on at once.
    #[default]
    Open,
    /// Every piece waits so long before it is passed on.
    Delayed(Duration),
    /// What goes this way is held: the connection is half open. It is passed on when the condition changes.
    Held(Direction),
    /// Connections are taken, and nothing is passed on in either direction.
    BlackHole,
    /// Nothing listens: new connections are refused. Open ones go on.
    Refused,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    condition: watch::Sender<Condition>,
    /// How often all open connections were to be cut.
    cuts: watch::Sender<u64>,
    ways: [Way; 2],
    connections: AtomicU64,
}

/// The account of one direction.
#[derive(Debug, Default)]
struct Way {
    passed: AtomicU64,
    /// Bytes until the connection that brings the next one is cut.
    left: Mutex<Option<u64>>,
}

impl Shared {
    fn way(&self, direction: Direction) -> &Way {
        &self.ways[direction as usize]
    }
}

impl Proxy {
    /// Listens on a port of loopback for a server. Needs a tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            condition: watch::Sender::default(),
            cuts: watch::Sender::default(),
            ways: Default::default(),
            connections: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(listener, address, shared.clone()));
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of connections from now on.
    pub fn set(&self, condition: Condition) {
        self.shared.condition.send_replace(condition);
    }

    /// Resets all open connections, on both sides.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets so many more bytes through in one direction, over all connections, and then resets the connection that brings
    /// another. Once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        *self.shared.way(direction).left.lock() = Some(bytes);
    }

    /// Whether a cut that was ordered has yet to come; forgets it.
    pub fn call_off(&self) -> bool {
        self.shared.ways.iter().map(|way| way.left.lock().take().is_some()).fold(false, |any, one| any | one)
    }

    /// Bytes passed on in a direction so far.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.way(direction).passed.load(Ordering::Relaxed)
    }

    /// Connections taken so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

async fn listen(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut condition = shared.condition.subscribe();
    let mut listener = Some(listener);
    loop {
        if *condition.borrow_and_update() == Condition::Refused {
            listener = None;
        } else if listener.is_none() {
            // Somebody else may have taken the port meanwhile: then the next change tries again.
            listener = TcpListener::bind(address).await.ok();
        }
        tokio::select! {
            changed = condition.changed() => if changed.is_err() { return },
            client = accept(listener.as_ref()) => {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                while connections.try_join_next().is_some() {}
                connections.spawn(connect(client, shared.clone()));
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    loop {
        match listener {
            None => std::future::pending().await,
            Some(listener) => {
                if let Ok((client, _)) = listener.accept().await {
                    return client;
                }
            }
        }
    }
}

/// Serves one client to its end.
async fn connect(mut client: TcpStream, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    cuts.mark_unchanged();
    let Ok(mut server) = TcpStream::connect(shared.server).await else {
        let _ = client.set_zero_linger();
        return;
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let passing = async {
        tokio::try_join!(
            pass(from_client, to_server, Direction::ToServer, &shared),
            pass(from_server, to_client, Direction::ToClient, &shared),
        )
    };
    tokio::select! {
        _ = passing => {}
        _ = cuts.changed() => {}
    }
    for stream in [&client, &server] {
        // Whoever did not say goodbye gets a reset.
        let _ = stream.set_zero_linger();
    }
}

/// Passes bytes on in one direction to their end, which is passed on too.
async fn pass(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    direction: Direction,
    shared: &Shared,
) -> io::Result<()> {
    let way = shared.way(direction);
    let mut condition = shared.condition.subscribe();
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        let passes = |condition: &Condition| match condition {
            Condition::BlackHole => false,
            Condition::Held(held) => *held != direction,
            Condition::Open | Condition::Delayed(_) | Condition::Refused => true,
        };
        let now = *condition.wait_for(passes).await.map_err(io::Error::other)?;
        if let Condition::Delayed(pause) = now {
            tokio::time::sleep(pause).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        let allowed = {
            let mut left = way.left.lock();
            match &mut *left {
                None => None,
                Some(bytes) if *bytes >= read as u64 => {
                    *bytes -= read as u64;
                    None
                }
                Some(_) => left.take(),
            }
        };
        let allowed_bytes = allowed.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(read);
        to.write_all(&piece[..allowed_bytes]).await?;
        way.passed.fetch_add(allowed_bytes as u64, Ordering::Relaxed);
        if allowed.is_some() {
            to.flush().await?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
}
