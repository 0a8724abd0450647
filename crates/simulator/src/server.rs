//! The listener: HTTP requests are answered, upgrades become WebSocket connections.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::rest::{self, Answer};
use crate::socket::Connection;
use crate::venue::Venue;

/// Tasks that end with the simulator.
pub(crate) type Tasks = Arc<Mutex<JoinSet<()>>>;

/// Bytes that the system keeps of what a client has not taken: a slow one is noticed soon.
const SEND_BUFFER: u32 = 16 << 10;
/// Connections that wait to be taken.
const BACKLOG: u32 = 1_024;

/// Listens on a free port of loopback.
pub(crate) fn bind() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // What is accepted has it too.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)
}

/// Takes connections until the task is ended.
pub(crate) async fn listen(listener: TcpListener, venue: Arc<Venue>, tasks: Tasks) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // What a client gets late is the script's decision, not the network's.
        let _ = stream.set_nodelay(true);
        let (venue, inner) = (venue.clone(), tasks.clone());
        spawn(&tasks, async move {
            let service = service_fn(|request| {
                let answer = answer(&venue, &inner, request);
                async { Ok::<_, Infallible>(answer) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            let served = server.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
            if let Err(error) = served {
                tracing::debug!(%error, "a request was not finished");
            }
        });
    }
}

/// Runs a task to its end or that of the simulator.
pub(crate) fn spawn(tasks: &Tasks, task: impl Future<Output = ()> + Send + 'static) {
    let mut tasks = tasks.lock();
    while tasks.try_join_next().is_some() {}
    tasks.spawn(task);
}

fn answer(venue: &Arc<Venue>, tasks: &Tasks, request: Request<Incoming>) -> Answer {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return rest::answer(venue, request.method(), path, query, request.headers());
    };
    let Some((combined, names)) = streams(path, query) else {
        return plain(StatusCode::NOT_FOUND);
    };
    if !venue.limits.lock().attempt() {
        venue.shared.counters.breach("more than 300 connections were opened in five minutes".to_owned());
        return plain(StatusCode::TOO_MANY_REQUESTS);
    }
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, hyper::header::HeaderValue::from_static("websocket"));
    if let Ok(accept) = derive_accept_key(key.as_bytes()).parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    let venue = venue.clone();
    spawn(tasks, async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        // Always what was given above.
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
        let (stream, read) = (parts.io.into_inner(), parts.read_buf.to_vec());
        let socket = WebSocketStream::from_partially_read(stream, read, Role::Server, None).await;
        Connection::new(venue, socket, combined, names).serve().await;
    });
    response
}

/// Whether messages come in an envelope, and the streams that a path and its query name. The derivatives' markets have
/// paths in front, by kinds of streams.
fn streams(path: &str, query: &str) -> Option<(bool, Vec<String>)> {
    let path = ["/public", "/market"].into_iter().find_map(|front| path.strip_prefix(front)).unwrap_or(path);
    let named = |list: &str| list.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if path.trim_end_matches('/') == "/stream" {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let list = pairs.find(|(name, _)| name == "streams").map(|(_, list)| list.into_owned());
        return Some((true, named(&list.unwrap_or_default())));
    }
    let rest = path.strip_prefix("/ws")?;
    (rest.is_empty() || rest.starts_with('/')).then(|| (false, named(rest)))
}

fn plain(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::streams;

    #[test]
    fn streams_are_named_in_the_path_or_the_query() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            streams("/stream", "streams=a@trade/b@depth@100ms"),
            Some((true, named(&["a@trade", "b@depth@100ms"])))
        );
        assert_eq!(streams("/market/stream", "streams=a@aggTrade"), Some((true, named(&["a@aggTrade"]))));
        assert_eq!(streams("/ws/a@trade/b@trade", ""), Some((false, named(&["a@trade", "b@trade"]))));
        assert_eq!(streams("/public/ws", ""), Some((false, named(&[]))));
        assert_eq!(streams("/stream", ""), Some((true, named(&[]))));
        for path in ["/", "/wss", "/streams", "/api/v3/time"] {
            assert_eq!(streams(path, ""), None, "{path}");
        }
    }
}
