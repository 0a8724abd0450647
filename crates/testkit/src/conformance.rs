//! One list of cases that every store must pass, each named after the sentence of the port it proves.

mod append;
mod archive;
mod books;
mod candles;
mod clocks;
mod closing;
mod coverage;
mod cutover;
mod data;
mod frames;
mod imports;
mod inventory;
mod manifests;
mod quarantine;
mod scale;
mod trades;

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use onetape_ports::{MarketStore, StoreError};

/// The variable that narrows a run to the cases whose name contains its value.
pub const FILTER_VARIABLE: &str = "ONETAPE_CASE";

/// Something not every adapter can do; what it cannot is declared, and its cases are reported as skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Calls may be dropped half-way.
    Cancellation,
    /// Several calls may run at once.
    Concurrency,
    /// Tens of thousands of rows in one batch and one range.
    LargeBatches,
}

/// Why a case failed.
#[derive(Debug)]
pub struct Failure(String);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// What a case comes to.
pub type Verdict = Result<(), Failure>;

/// One sentence of the ports and the proof of it.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Name: the sentence as an identifier.
    pub name: &'static str,
    /// The sentence.
    pub proves: &'static str,
    /// What the adapter must be able to do for it.
    pub needs: &'static [Capability],
    run: fn(Arc<dyn MarketStore>) -> BoxFuture<'static, Verdict>,
}

impl Case {
    /// Runs the case on a store without content. A panic is a failure.
    ///
    /// # Errors
    /// What was not as the sentence says.
    pub async fn run(&self, store: Arc<dyn MarketStore>) -> Verdict {
        let outcome = AssertUnwindSafe((self.run)(store)).catch_unwind().await;
        outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Failure(format!("panicked: {}", text.unwrap_or_default())))
        })
    }
}

/// What a run of the suite came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Name of the adapter.
    pub adapter: String,
    /// Cases that held.
    pub passed: Vec<&'static str>,
    /// Cases not run, with what the adapter lacks.
    pub skipped: Vec<(&'static str, Capability)>,
    /// Cases that did not hold, with the reason.
    pub failed: Vec<(&'static str, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { adapter, passed, skipped, failed } = self;
        write!(f, "{adapter}: {} passed, {} skipped, {} failed", passed.len(), skipped.len(), failed.len())?;
        for (name, capability) in skipped {
            write!(f, "\n  skipped {name}: the adapter declares no {capability:?}")?;
        }
        for (name, reason) in failed {
            write!(f, "\n  FAILED {name}: {reason}")?;
        }
        Ok(())
    }
}

/// Runs every case, each on a store `make_store` gives without content. `missing` is what the adapter
/// declares it cannot do.
///
/// # Panics
/// After the last case, when any did not hold; the message names all of them.
pub async fn run_all<M, F>(missing: &[Capability], make_store: M) -> Report
where
    M: FnMut() -> F,
    F: Future<Output = Arc<dyn MarketStore>>,
{
    let report = examine(missing, make_store).await;
    assert!(report.failed.is_empty(), "{report}");
    report
}

/// The same without the panic.
pub async fn examine<M, F>(missing: &[Capability], mut make_store: M) -> Report
where
    M: FnMut() -> F,
    F: Future<Output = Arc<dyn MarketStore>>,
{
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let mut report = Report::default();
    for case in cases().into_iter().filter(|case| case.name.contains(&filter)) {
        if let Some(capability) = case.needs.iter().find(|capability| missing.contains(capability)) {
            report.skipped.push((case.name, *capability));
            continue;
        }
        let store = make_store().await;
        report.adapter = store.to_string();
        match case.run(store).await {
            Ok(()) => report.passed.push(case.name),
            Err(Failure(reason)) => report.failed.push((case.name, reason)),
        }
    }
    report
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let groups = [
        append::cases(),
        candles::cases(),
        trades::cases(),
        books::cases(),
        coverage::cases(),
        clocks::cases(),
        closing::cases(),
        quarantine::cases(),
        frames::cases(),
        imports::cases(),
        manifests::cases(),
        cutover::cases(),
        archive::cases(),
        inventory::cases(),
        scale::cases(),
    ];
    groups.concat()
}

/// A case of a function of the same name.
macro_rules! case {
    ($function:ident, $proves:literal $(, $needs:ident)*) => {
        $crate::conformance::Case {
            name: stringify!($function),
            proves: $proves,
            needs: &[$($crate::conformance::Capability::$needs),*],
            run: |store| Box::pin($function(store)),
        }
    };
}
use case;

/// Fails the case unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::from(format!($($message)+)));
        }
    };
}
use ensure;

/// Fails the case unless both are equal; says where they first differ.
fn same<T: PartialEq + fmt::Debug>(what: &str, got: &[T], expected: &[T]) -> Verdict {
    if got == expected {
        return Ok(());
    }
    let at =
        got.iter().zip(expected).position(|(a, b)| a != b).unwrap_or_else(|| got.len().min(expected.len()));
    Err(Failure(format!(
        "{what}: got {} rows, expected {}; row {at} is\n  got      {:?}\n  expected {:?}",
        got.len(),
        expected.len(),
        got.get(at),
        expected.get(at)
    )))
}

/// Lets everything else run once.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Fails the case unless both dumps are equal.
fn same_dump(what: &str, got: &str, expected: &str) -> Verdict {
    match crate::dump::first_difference(got, expected) {
        None => Ok(()),
        Some(difference) => Err(Failure(format!("{what}: {difference}"))),
    }
}
