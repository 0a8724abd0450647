//! How a collecting process says that it is well.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use futures::future::{BoxFuture, FutureExt as _};
use onetape::prelude::*;
use onetape::{Check, Health, HealthLimits};

use crate::telemetry;

/// Knows the store once it is open.
#[derive(Debug, Default)]
pub(super) struct Probe(OnceLock<Arc<Onetape>>);

/// Serves from here on, where that was asked for.
pub(super) async fn serve(address: Option<SocketAddr>) -> anyhow::Result<Arc<Probe>> {
    let probe = Arc::new(Probe::default());
    if let Some(address) = address {
        let served = telemetry::serve(address, probe.clone()).await;
        served.with_context(|| format!("metrics cannot be served at {address}"))?;
    }
    Ok(probe)
}

impl Probe {
    pub(super) fn watch(&self, tape: Arc<Onetape>) {
        // It is opened once.
        let _ = self.0.set(tape);
    }
}

impl telemetry::Probe for Probe {
    fn liveness(&self) -> Health {
        self.0.get().map(|tape| tape.liveness()).unwrap_or_default()
    }

    fn readiness(&self) -> BoxFuture<'_, Health> {
        async {
            match self.0.get() {
                Some(tape) => tape.health(&HealthLimits::default()).await,
                None => {
                    let opening = "it is not open yet: the venue is asked first".to_owned();
                    Health { checks: vec![Check::wrong("store", opening)] }
                }
            }
        }
        .boxed()
    }
}
