//! Plain clients: a WebSocket, and one REST request.

use futures::{SinkExt as _, StreamExt as _};
use onetape_domain::instrument::{Instrument, Market};
use onetape_domain::message::{FeedMessage, FullBook, Payload};
use onetape_domain::time::Timestamp;
use onetape_domain::trade::TradeId;
use onetape_exchanges::{BinanceParser, Parsed, WireParser as _};
use onetape_simulator::Simulator;
use onetape_testkit::generator;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(crate) fn instrument(name: &str) -> Instrument {
    name.parse().expect("an instrument")
}

/// A minute of spot, unless it is changed.
pub(crate) fn spot(seed: u64) -> generator::Market {
    generator::Market { seconds: 20, ..generator::Market::new(instrument("binance:ETH/USDT"), seed) }
}

pub(crate) async fn connect(base: &str, path: &str) -> Socket {
    let address = base.strip_prefix("ws://").expect("a plain address");
    let stream = TcpStream::connect(address).await.expect("the simulator listens");
    let request = format!("{base}{path}");
    tokio_tungstenite::client_async(request, stream).await.expect("an upgrade").0
}

/// Texts that arrive until the market is over, or the connection ends; and how it ended.
pub(crate) async fn texts(
    simulator: &Simulator,
    socket: &mut Socket,
) -> (Vec<String>, Option<Result<Message, Error>>) {
    let mut texts = Vec::new();
    let over = simulator.ended();
    tokio::pin!(over);
    let mut is_over = false;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => texts.push(text.to_string()),
                // The answer comes after all that was sent before it.
                Some(Ok(Message::Pong(_))) => return (texts, None),
                Some(Ok(Message::Ping(_))) => {}
                end => return (texts, end),
            },
            () = &mut over, if !is_over => {
                is_over = true;
                socket.send(Message::Ping("over".into())).await.expect("sent");
            }
        }
    }
}

/// What the parser of the venue makes of texts; none for those it refuses.
pub(crate) fn parsed(market: Market, texts: &[String]) -> Vec<Option<Parsed>> {
    let mut parser = BinanceParser::new(market);
    let received = Timestamp::from_micros(1_723_161_600_000_000);
    texts.iter().map(|text| parser.parse(text.as_bytes(), received, 0).ok()).collect()
}

pub(crate) fn messages(market: Market, texts: &[String]) -> Vec<FeedMessage> {
    let messages = parsed(market, texts).into_iter().filter_map(|parsed| match parsed {
        Some(Parsed::Message(message)) => Some(message),
        _ => None,
    });
    messages.collect()
}

pub(crate) fn trade_ids(messages: &[FeedMessage]) -> Vec<i64> {
    let trades = messages.iter().filter_map(|message| match &message.payload {
        Payload::Trades(events) => Some(events),
        _ => None,
    });
    let ids = trades.flatten().map(|event| match event.id() {
        TradeId::Numeric(id) => *id,
        other => panic!("{other:?} is no number"),
    });
    ids.collect()
}

/// Status, head and body of one request.
pub(crate) async fn get(base: &str, path: &str, header: &str) -> (u16, String, String) {
    let address = base.strip_prefix("http://").expect("a plain address");
    let mut stream = TcpStream::connect(address).await.expect("the simulator listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), body.to_owned())
}

pub(crate) async fn book(base: &str, path: &str, market: Market) -> FullBook {
    let (status, _, body) = get(base, path, "").await;
    assert_eq!(status, 200, "{body}");
    match parsed(market, &[body]).pop().flatten() {
        Some(Parsed::Unaddressed(book)) => book.book,
        Some(Parsed::Message(FeedMessage { payload: Payload::BookSnapshot(book), .. })) => book,
        other => panic!("{other:?} is no book"),
    }
}
