//! A venue whose part a test plays: it is handed each connection, and answers requests from a table.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// Answers by path without its query: status, further headers, body.
type Answers = Arc<Mutex<HashMap<String, (u16, String, String)>>>;

pub(crate) const INSTRUMENTS: &str = r#"{"symbols":[
    {"symbol":"ETHUSDT","status":"TRADING","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"}]},
    {"symbol":"BTCUSDT","status":"TRADING","filters":[]},
    {"symbol":"LUNAUSDT","status":"BREAK","filters":[]}]}"#;

/// A venue on loopback.
pub(crate) struct Venue {
    websocket: SocketAddr,
    rest: SocketAddr,
    connections: mpsc::UnboundedReceiver<Socket>,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// A connection that a feed made.
pub(crate) struct Socket {
    /// Path and query.
    pub(crate) path: String,
    pub(crate) stream: WebSocketStream<TcpStream>,
}

impl Venue {
    /// One that lists some instruments.
    pub(crate) async fn start() -> Self {
        let websocket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let rest = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (made, connections) = mpsc::unbounded_channel();
        let (answers, asked) = (Answers::default(), Arc::new(Mutex::new(Vec::new())));
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let venue = Self {
            websocket: websocket.local_addr().expect("an address"),
            rest: rest.local_addr().expect("an address"),
            connections,
            answers: answers.clone(),
            asked: asked.clone(),
            heads: heads.clone(),
        };
        venue.answer("/api/v3/exchangeInfo", INSTRUMENTS);
        tokio::spawn(async move {
            while let Ok((stream, _)) = websocket.accept().await {
                let mut path = String::new();
                #[expect(clippy::result_large_err, reason = "the library's own type")]
                let note = |request: &Request, response: Response| {
                    path = request.uri().to_string();
                    Ok(response)
                };
                let Ok(stream) = tokio_tungstenite::accept_hdr_async(stream, note).await else { continue };
                if made.send(Socket { path, stream }).is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = rest.accept().await {
                let (answers, asked, heads) = (answers.clone(), asked.clone(), heads.clone());
                tokio::spawn(async move { serve(stream, &answers, &asked, &heads).await });
            }
        });
        venue
    }

    pub(crate) fn websocket(&self) -> String {
        format!("ws://{}", self.websocket)
    }

    pub(crate) fn rest(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// Answers with this from now on.
    pub(crate) fn answer(&self, path: &str, body: &str) {
        self.answer_with(path, 200, "", body);
    }

    pub(crate) fn answer_with(&self, path: &str, status: u16, headers: &str, body: &str) {
        let answer = (status, headers.to_owned(), body.to_owned());
        self.answers.lock().expect("no panic").insert(path.to_owned(), answer);
    }

    /// Paths with queries that were asked for since the last call, but for the list of instruments.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().expect("no panic"));
        asked.retain(|path| !path.contains("exchangeInfo"));
        asked
    }

    /// Requests with their headers, in small letters, all so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }

    /// The next connection that is made.
    pub(crate) async fn connection(&mut self) -> Socket {
        let made = tokio::time::timeout(super::PATIENCE, self.connections.recv()).await;
        made.expect("a connection").expect("the venue is there")
    }
}

impl Socket {
    /// Sends a message of a stream.
    pub(crate) async fn send(&mut self, data: &str) {
        self.stream_text(&format!(r#"{{"stream":"x@y","data":{data}}}"#)).await;
    }

    /// Sends a text as it is.
    pub(crate) async fn stream_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("sent");
    }

    /// The next thing that the feed says: a ping or its goodbye.
    pub(crate) async fn heard(&mut self) -> Option<Message> {
        let heard = tokio::time::timeout(super::PATIENCE, self.stream.next()).await;
        heard.expect("something is heard").and_then(Result::ok)
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: &Answers,
    asked: &Mutex<Vec<String>>,
    heads: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8(request).expect("a request is text");
    heads.lock().expect("no panic").push(request.to_lowercase());
    let target = request.split(' ').nth(1).expect("a request line").to_owned();
    let path = target.split('?').next().unwrap_or_default();
    let answer = answers.lock().expect("no panic").get(path).cloned();
    asked.lock().expect("no panic").push(target);
    let (status, headers, body) = answer.unwrap_or((404, String::new(), "{}".into()));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
