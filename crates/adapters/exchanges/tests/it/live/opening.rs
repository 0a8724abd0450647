//! What keeps a feed from opening.

use std::sync::Arc;

use onetape_domain::instrument::Market;
use onetape_exchanges::live::{LiveConfig, LiveError, LiveFeed};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;

use super::venue::Venue;
use super::{clock, config, instrument};

async fn refused(config: LiveConfig, instruments: &[&str]) -> LiveError {
    let instruments: Vec<_> = instruments.iter().map(|name| instrument(name)).collect();
    LiveFeed::open(config, &instruments, clock()).await.map(drop).expect_err("refused")
}

#[tokio::test]
async fn instruments_are_looked_up_before_anything_is_collected() {
    let venue = Venue::start().await;
    let (feed, _) = super::open(config(&venue), &["binance:ETH/USDT"]).await;
    let info = &feed.instruments()[0];
    assert_eq!((&*info.native, &*info.status), ("ETHUSDT", "TRADING"));
    assert_eq!(info.tick.map(|tick| tick.to_string()).as_deref(), Some("0.01"));
    let error = refused(config(&venue), &["binance:ETH/USTD"]).await;
    assert_eq!(error.to_string(), "binance:ETH/USTD is not listed at spot");
    assert!(matches!(refused(config(&venue), &["binance:LUNA/USDT"]).await, LiveError::NotTrading { .. }));
    assert!(matches!(refused(config(&venue), &["binance:ETH/USDT:USDT"]).await, LiveError::Unknown { .. }));
    assert!(matches!(refused(config(&venue), &[]).await, LiveError::NoInstruments { market: Market::Spot }));
}

#[tokio::test]
async fn a_venue_that_cannot_be_asked_is_an_error_that_says_why() {
    let venue = Venue::start().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error =
        refused(LiveConfig { rest: format!("http://{nobody}"), ..config(&venue) }, &["binance:ETH/USDT"])
            .await;
    assert!(matches!(error, LiveError::Unreachable { .. }), "{error:?}");
    venue.answer("/api/v3/exchangeInfo", "<html>");
    let error = refused(config(&venue), &["binance:ETH/USDT"]).await;
    assert!(matches!(error, LiveError::Answer { .. }), "{error:?}");
    venue.answer_with("/api/v3/exchangeInfo", 451, "", r#"{"code":0,"msg":"restricted location"}"#);
    let error = refused(config(&venue), &["binance:ETH/USDT"]).await;
    assert!(error.to_string().contains("451") && error.to_string().contains("restricted"), "{error}");
    venue.answer_with("/api/v3/exchangeInfo", 418, "retry-after: 7200\r\n", "");
    match refused(config(&venue), &["binance:ETH/USDT"]).await {
        LiveError::Limited { status: 418, retry_after, .. } => assert_eq!(retry_after.as_secs(), 7_200),
        error => panic!("{error:?}"),
    }
    let error =
        refused(LiveConfig { websocket: "https://x".into(), ..config(&venue) }, &["binance:ETH/USDT"]).await;
    assert!(matches!(error, LiveError::Address { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_trusted() {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a server");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let venue = Venue::start().await;
    let rest = format!("https://localhost:{port}");
    match refused(LiveConfig { rest, ..config(&venue) }, &["binance:ETH/USDT"]).await {
        LiveError::Unreachable { source, .. } => {
            assert!(source.to_string().contains("certificate"), "{source}");
        }
        LiveError::Certificates(_) => eprintln!("skipped: this system trusts nobody at all"),
        error => panic!("{error:?}"),
    }
}
