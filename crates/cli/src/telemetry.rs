//! What a process that goes on shows of itself over HTTP: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever
//! restarts it or sends it work.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use onetape::Health;
use onetape::ports::metric::MetricKind;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Callers at once; more are turned away.
const MAX_CONNECTIONS: usize = 16;

/// Bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

/// Lines of a request's head.
const MAX_HEADERS: usize = 64;

/// How long a caller may take for its request and its answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// How often values of histograms are put into their buckets, whether somebody asks or not.
const UPKEEP: Duration = Duration::from_secs(5);

/// How the process is: whether it lives, and whether it can be asked.
pub(crate) trait Probe: Send + Sync + 'static {
    /// Asks nobody else.
    fn liveness(&self) -> Health;
    /// May ask the store.
    fn readiness(&self) -> BoxFuture<'_, Health>;
}

/// Serves from here on, until the process ends; whoever asks gets what is recorded. Everything that records comes after it.
pub(crate) async fn serve(address: SocketAddr, probe: Arc<dyn Probe>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let handle = install()?;
    tracing::info!("metrics are at http://{address}/metrics, health at /healthz and /readyz");
    tokio::spawn(accept(listener, Arc::new(Shown { handle, probe })));
    Ok(address)
}

/// What is shown to callers.
struct Shown {
    handle: PrometheusHandle,
    probe: Arc<dyn Probe>,
}

fn install() -> anyhow::Result<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for metric in onetape::metrics() {
        if let MetricKind::Histogram(bounds) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    let handle = builder.install_recorder()?;
    onetape::describe_metrics();
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}

async fn accept(listener: TcpListener, shown: Arc<Shown>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                let shown = shown.clone();
                tokio::spawn(async move {
                    // A caller that is too slow is cut off.
                    let _ = tokio::time::timeout(DEADLINE, answer_one(stream, shown)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a caller of the metrics could not be let in");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One request a connection.
async fn answer_one(stream: TcpStream, shown: Arc<Shown>) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| {
        let shown = shown.clone();
        async move { Ok::<_, Infallible>(answer(&request, &shown).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEADLINE)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(request: &Request<Incoming>, shown: &Shown) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused =
            text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET and HEAD\n".to_owned());
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => text(StatusCode::OK, "text/plain; version=0.0.4", shown.handle.render()),
        "/healthz" => {
            let health = shown.probe.liveness();
            report(health.is_alive(), &health)
        }
        "/readyz" => {
            let health = shown.probe.readiness().await;
            report(health.is_ready(), &health)
        }
        _ => {
            text(StatusCode::NOT_FOUND, "text/plain", "there are /metrics, /healthz and /readyz\n".to_owned())
        }
    }
}

fn report(is_fine: bool, health: &Health) -> Response<Full<Bytes>> {
    let status = if is_fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "ok": is_fine, "checks": health.checks });
    text(status, "application/json", format!("{body}\n"))
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    response
}
