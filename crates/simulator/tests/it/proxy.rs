//! The proxy between a client and a server that says everything back.

use std::io::ErrorKind;
use std::time::Duration;

use onetape_simulator::proxy::{Condition, Direction, Proxy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Long enough for what should not come; a shorter time would pass too.
const A_WHILE: Duration = Duration::from_millis(100);

async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = client.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::start(server).await.expect("a proxy")
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.expect("the proxy listens")
}

async fn say(client: &mut TcpStream, text: &str) -> std::io::Result<String> {
    client.write_all(text.as_bytes()).await?;
    let mut back = vec![0; text.len()];
    client.read_exact(&mut back).await?;
    Ok(String::from_utf8(back).expect("text"))
}

#[tokio::test]
async fn what_is_open_passes_both_ways() {
    let proxy = echo().await;
    let mut client = client(&proxy).await;
    assert_eq!(say(&mut client, "hello").await.expect("passed"), "hello");
    client.shutdown().await.expect("an end");
    let mut rest = Vec::new();
    assert_eq!(client.read_to_end(&mut rest).await.expect("the end is passed on"), 0);
    assert_eq!((proxy.passed(Direction::ToServer), proxy.passed(Direction::ToClient)), (5, 5));
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_bytes() {
    for (direction, bytes) in [(Direction::ToServer, 7), (Direction::ToClient, 7), (Direction::ToClient, 0)] {
        let proxy = echo().await;
        let mut client = client(&proxy).await;
        proxy.cut_after(direction, bytes);
        client.write_all(b"hello, hello").await.expect("sent");
        let mut back = Vec::new();
        let error = client.read_to_end(&mut back).await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // A reset may overtake what was on its way.
        assert!(back.len() as u64 <= bytes, "{back:?}");
        assert_eq!(proxy.passed(direction), bytes);
        assert!(!proxy.call_off(), "it has come");
        let mut another = self::client(&proxy).await;
        assert_eq!(say(&mut another, "hello, hello").await.expect("only once"), "hello, hello");
        proxy.cut();
        assert!(say(&mut another, "hello").await.is_err());
    }
}

#[tokio::test]
async fn what_is_held_comes_when_it_is_let_go() {
    for condition in
        [Condition::BlackHole, Condition::Held(Direction::ToClient), Condition::Held(Direction::ToServer)]
    {
        let proxy = echo().await;
        let mut client = client(&proxy).await;
        assert_eq!(say(&mut client, "before").await.expect("passed"), "before");
        proxy.set(condition);
        assert!(tokio::time::timeout(A_WHILE, say(&mut client, "held")).await.is_err(), "{condition:?}");
        let reached = proxy.passed(Direction::ToServer) > 6;
        assert_eq!(reached, condition == Condition::Held(Direction::ToClient), "{condition:?}");
        proxy.set(Condition::Open);
        let mut back = [0; 4];
        client.read_exact(&mut back).await.expect("let go");
        assert_eq!(&back, b"held");
    }
}

#[tokio::test]
async fn what_is_refused_is_refused_at_once_and_then_no_more() {
    let proxy = echo().await;
    let mut open = client(&proxy).await;
    assert_eq!(say(&mut open, "hello").await.expect("passed"), "hello");
    proxy.set(Condition::Refused);
    loop {
        // The listener goes a moment later; what waited there is reset.
        match TcpStream::connect(proxy.address()).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            Ok(_) => tokio::task::yield_now().await,
        }
    }
    assert_eq!(say(&mut open, "hello").await.expect("open ones go on"), "hello");
    proxy.set(Condition::Open);
    let mut again = loop {
        match TcpStream::connect(proxy.address()).await {
            Ok(client) => break client,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(say(&mut again, "hello").await.expect("passed"), "hello");
}

#[tokio::test]
async fn what_is_delayed_comes_later() {
    let proxy = echo().await;
    let mut client = client(&proxy).await;
    proxy.set(Condition::Delayed(Duration::from_millis(30)));
    let before = tokio::time::Instant::now();
    assert_eq!(say(&mut client, "hello").await.expect("passed"), "hello");
    assert!(before.elapsed() >= Duration::from_millis(60), "once in each direction");
}
