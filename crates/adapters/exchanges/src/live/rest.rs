//! A venue's REST interface: one GET a connection, under the venue's weights.
//!
//! Requests are few (a snapshot where a book is lost, pages of trades where some are missing), so none is kept open for
//! the next.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::error::LiveError;
use super::limits::Window;
use super::net::Server;

/// Longest answer. The list of all spot instruments has about 4 MB.
const MAX_ANSWER: usize = 32 << 20;
/// Bytes of an error's text that are kept.
const MAX_MESSAGE: usize = 300;
/// How long a venue is left alone that says so without a time.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that is believed.
const MAX_PAUSE: Duration = Duration::from_secs(3 * 86_400);
/// The header of a key.
const KEY: &str = "x-mbx-apikey";
/// Weight that the venue counts for this address in the running minute.
const USED_WEIGHT: &str = "x-mbx-used-weight-1m";

/// Asks one server.
#[derive(Debug)]
pub(super) struct Rest {
    server: Server,
    weights: Window,
    timeout: Duration,
    key: Option<ApiKey>,
}

/// A key that a venue knows its caller by. Its text is never shown.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// Takes the text of a key; none for one that cannot be sent.
    pub fn try_new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text.trim()).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl Rest {
    pub(super) fn new(server: Server, weights: Window, timeout: Duration) -> Self {
        Self { server, weights, timeout, key: None }
    }

    /// The same with a key in every request.
    pub(super) fn with_key(self, key: Option<ApiKey>) -> Self {
        Self { key, ..self }
    }

    /// The body of an answer with status 200. Waits where the venue's limits would be broken otherwise.
    ///
    /// # Errors
    /// What the server or the way to it did. Nothing is tried again here; after [`LiveError::Limited`] the next request
    /// waits as long as the venue wants.
    pub(super) async fn get(&self, path: &str, weight: u32) -> Result<Bytes, LiveError> {
        self.weights.take(weight).await;
        self.exchange_in_time(path).await
    }

    async fn exchange_in_time(&self, path: &str) -> Result<Bytes, LiveError> {
        match tokio::time::timeout(self.timeout, self.exchange(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(LiveError::Timeout { url: self.server.at(path), after: self.timeout }),
        }
    }

    /// The same, read as JSON.
    pub(super) async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        weight: u32,
    ) -> Result<T, LiveError> {
        let body = self.get(path, weight).await?;
        self.parsed(path, &body)
    }

    /// The same at once, or the time to wait until the venue's limits let it be asked.
    pub(super) async fn get_json_now<T: DeserializeOwned>(
        &self,
        path: &str,
        weight: u32,
    ) -> Result<Result<T, LiveError>, Duration> {
        self.weights.try_take(weight).map_err(|at| at.duration_since(Instant::now()))?;
        let body = self.exchange_in_time(path).await;
        Ok(body.and_then(|body| self.parsed(path, &body)))
    }

    fn parsed<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, LiveError> {
        serde_json::from_slice(body)
            .map_err(|error| LiveError::Answer { url: self.server.at(path), source: error.into() })
    }

    async fn exchange(&self, path: &str) -> Result<Bytes, LiveError> {
        let url = || self.server.at(path);
        let broken = |error: hyper::Error| LiveError::Unreachable { url: url(), source: error.into() };
        let mut request = Request::get(self.server.path(path));
        if let Some(key) = &self.key {
            request = request.header(KEY, key.0.clone());
        }
        let request = request
            .header(HOST, self.server.authority())
            .header(USER_AGENT, concat!("onetape/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| LiveError::Address { url: url(), reason: error.to_string() })?;
        let io = TokioIo::new(self.server.connect(self.timeout).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(broken)?;
        let answer = async move {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|source| LiveError::Unreachable { url: url(), source })?;
            Ok((status, headers, body.to_bytes()))
        };
        // What ends the connection early ends the answer with an error of its own.
        let (answer, _) = tokio::join!(answer, connection);
        let (status, headers, body) = answer?;
        self.judge(path, status, &headers, body)
    }

    fn judge(
        &self,
        path: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Bytes, LiveError> {
        if let Some(used) = number(headers, USED_WEIGHT) {
            self.weights.observe(u32::try_from(used).unwrap_or(u32::MAX));
        }
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::IM_A_TEAPOT => {
                let pause = number(headers, RETRY_AFTER.as_str()).map(Duration::from_secs);
                let retry_after = pause.unwrap_or(DEFAULT_PAUSE).min(MAX_PAUSE);
                self.weights.pause(retry_after);
                let (url, status) = (self.server.at(path), status.as_u16());
                Err(LiveError::Limited { url, status, retry_after })
            }
            _ => {
                let text = String::from_utf8_lossy(&body);
                let message = text.trim().chars().take(MAX_MESSAGE).collect();
                Err(LiveError::Status { url: self.server.at(path), status: status.as_u16(), message })
            }
        }
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
