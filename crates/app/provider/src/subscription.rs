//! Subscriptions: a frame for each close of a candle, or as often as a caller can use one.
//!
//! The cache tells of stamps; the frame of a stamp is read as any other as-of frame is, when the caller asks for it. So it
//! is the frame that the store gives for that stamp ever after, however late it was asked for.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::{BoxStream, StreamExt as _};
use onetape_domain::frame::InferenceDataFrame;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timeframe;
use onetape_domain::violation::Violations;
use onetape_ports::{Cadence, Knowledge, Tick, WatchQuery};

use crate::error::{ProviderError, SubscriptionError};
use crate::provider::UnifiedDataProvider;
use crate::request::{ProviderConfig, Request};

/// Most closes that may wait for a subscriber.
pub const MAX_WAITING: usize = 10_000;

/// What to subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionRequest {
    /// At which instants a frame is made.
    pub cadence: Cadence,
    /// Most closes that wait while the caller is busy, at most [`MAX_WAITING`]. With 1, as by default, a slow caller
    /// gets the newest and how many were passed over; with more, one that is slow at times gets every one in order.
    pub waiting: usize,
    /// What each frame holds; it names no instant.
    pub frame: Request,
}

impl SubscriptionRequest {
    /// Default frames; only the newest waits.
    pub fn new(cadence: Cadence) -> Self {
        Self { cadence, waiting: 1, frame: Request::default() }
    }

    /// A frame whenever a candle of this timeframe closes.
    pub fn closes(timeframe: Timeframe) -> Self {
        Self::new(Cadence::Closes(timeframe))
    }

    /// A frame at every change, but none nearer than so much to the one before by their stamps.
    pub fn changes(apart: Duration) -> Self {
        Self::new(Cadence::Changes { apart })
    }

    /// The same with so many closes that may wait.
    #[must_use]
    pub fn waiting(self, waiting: usize) -> Self {
        Self { waiting, ..self }
    }

    /// The same with other frames.
    #[must_use]
    pub fn frame(self, frame: Request) -> Self {
        Self { frame, ..self }
    }

    fn check(&self, config: &ProviderConfig) -> Result<(), Violations> {
        let mut violations = self.frame.check(config).err().unwrap_or_default();
        if self.waiting == 0 || self.waiting > MAX_WAITING {
            violations.push("waiting", self.waiting, format!("must be from 1 to {MAX_WAITING}"));
        }
        if let Some(timestamp) = self.frame.timestamp {
            violations.push("timestamp", timestamp, "must not be given: each frame has its own");
        }
        if self.frame.knowledge != Knowledge::AsRecorded {
            let rule = "must be as recorded: what will be corrected is not known yet";
            violations.push("knowledge", "as corrected", rule);
        }
        violations.into_result(())
    }
}

impl From<Cadence> for SubscriptionRequest {
    fn from(cadence: Cadence) -> Self {
        Self::new(cadence)
    }
}

/// One frame of a subscription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LiveFrame {
    /// The frame; its `as_of` is the stamp it was made for.
    pub frame: InferenceDataFrame,
    /// How many closes before it, and after the item before, got no frame because the caller was busy.
    pub passed_over: u64,
}

/// Frames as they become due. A `Stream`; [`next`](Self::next) reads it without any other crate.
///
/// - Each frame stands for one stamp, its `as_of`: that of the message that closed the candle. The frame read for that
///   instant later, from whichever store the tape is in, has the same canonical text.
/// - The first comes at the first close after the call; what is known already, `get_inference_data` answers. An
///   instrument that nobody has written yet is waited for.
/// - Nothing is skipped in silence: what a slow caller missed is counted in the next item.
/// - What comes again closes nothing, and a late trade that revises a candle gives no frame: the next one has it.
/// - A frame that cannot be made is an `Err` item, and the next close is tried again.
/// - It ends when ingestion ends, after what waited was given: by closing the store, or because the pipeline failed,
///   which then says why.
pub struct Subscription {
    frames: BoxStream<'static, Result<LiveFrame, SubscriptionError>>,
}

impl Subscription {
    /// The next frame, when it is due; none at the end.
    pub async fn next(&mut self) -> Option<Result<LiveFrame, SubscriptionError>> {
        self.frames.next().await
    }
}

impl Stream for Subscription {
    type Item = Result<LiveFrame, SubscriptionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.frames.poll_next_unpin(context)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

impl UnifiedDataProvider {
    /// Frames of an instrument from now on, as this process takes messages in.
    ///
    /// # Errors
    /// [`ProviderError::Invalid`] for limits that are too large or frames that cannot be live, and for a provider
    /// without a cache, which is told of nothing.
    pub fn subscribe(
        &self,
        instrument: &Instrument,
        request: impl Into<SubscriptionRequest>,
    ) -> Result<Subscription, ProviderError> {
        let SubscriptionRequest { cadence, waiting, frame } = {
            let request = request.into();
            request.check(&self.config)?;
            request
        };
        let Some(cache) = &self.cache else {
            let mut violations = Violations::default();
            violations.push("cache", "none", "must be there: it tells of what is new");
            return Err(violations.into());
        };
        let ticks = cache.watch(&WatchQuery { instrument: instrument.clone(), cadence, waiting });
        let (provider, instrument) = (self.clone(), instrument.clone());
        let frames = ticks.then(move |tick| {
            let (provider, instrument) = (provider.clone(), instrument.clone());
            async move { provider.live_frame(instrument, tick, frame).await }
        });
        Ok(Subscription { frames: frames.boxed() })
    }

    async fn live_frame(
        &self,
        instrument: Instrument,
        Tick { stamp, passed_over }: Tick,
        request: Request,
    ) -> Result<LiveFrame, SubscriptionError> {
        let started = self.clock.monotonic_micros();
        match self.inference(&instrument, &Request { timestamp: Some(stamp), ..request }).await {
            Ok(mut frame) => {
                // It was not asked for by its instant, and how old it is matters.
                let route = frame.metadata.as_ref().map(|metadata| metadata.data_source);
                frame.metadata = route.map(|route| self.metadata(stamp, route, &request, started));
                Ok(LiveFrame { frame, passed_over })
            }
            Err(source) => Err(SubscriptionError { instrument, as_of: stamp, passed_over, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use onetape_domain::instrument::Exchange;
    use onetape_domain::time::Timestamp;

    use super::*;

    #[test]
    fn every_broken_rule_of_a_request_is_named() {
        let config = ProviderConfig::for_exchange(Exchange::try_new("binance").expect("exchange"));
        let good = SubscriptionRequest::closes(Timeframe::M1);
        assert_eq!(good.check(&config), Ok(()));
        assert_eq!(good.waiting(MAX_WAITING).check(&config), Ok(()));
        let frame = Request {
            timestamp: Some(Timestamp::LATEST),
            knowledge: Knowledge::AsCorrected,
            limit: config.max_limit + 1,
            ..Request::default()
        };
        let broken = |request: SubscriptionRequest| {
            let violations = request.check(&config).expect_err("broken").0;
            violations.into_iter().map(|violation| violation.field.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(broken(good.waiting(0)), ["waiting"]);
        assert_eq!(
            broken(good.waiting(MAX_WAITING + 1).frame(frame)),
            ["limit", "waiting", "timestamp", "knowledge"]
        );
    }
}
