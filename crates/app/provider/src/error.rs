//! Why an answer could not be given.

use std::sync::Arc;

use onetape_domain::instrument::Instrument;
use onetape_domain::quality::Tier;
use onetape_domain::time::Timestamp;
use onetape_domain::violation::Violations;
use onetape_ports::StoreError;

/// A failed read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The request itself is wrong.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// Nothing was ever stored of the instrument.
    #[error("there is no data of {instrument}{hint}")]
    UnknownInstrument {
        /// What was asked for.
        instrument: Instrument,
        /// What there is instead, for people.
        hint: String,
    },
    /// A strict request for an instant the reader's clock has not reached.
    #[error("{requested} is not reached yet: the clock of {instrument} stands at {clock}")]
    Future {
        /// What was asked for.
        instrument: Instrument,
        /// The instant asked for.
        requested: Timestamp,
        /// The last instant that can be proven.
        clock: Timestamp,
    },
    /// Neither cache nor store can prove the answer: the store has not come that far, or it does not answer.
    #[error("{instrument} at {as_of} is unavailable: {reason}")]
    Unavailable {
        /// What was asked for.
        instrument: Instrument,
        /// The instant.
        as_of: Timestamp,
        /// Why.
        reason: String,
        /// The store's failure, where it does not answer.
        source: Option<Arc<StoreError>>,
    },
    /// A section is less complete than the caller demands.
    #[error("section {section} is {tier}, {coverage} % covered, but at least {demanded} was demanded", tier = tier.as_str(), demanded = demanded.as_str())]
    Quality {
        /// Which section.
        section: String,
        /// What it is.
        tier: Tier,
        /// Its coverage in percent.
        coverage: String,
        /// What was demanded.
        demanded: Tier,
    },
    /// The store failed otherwise than by not answering.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl ProviderError {
    /// A store that does not answer, as what it is to a reader.
    pub(crate) fn in_outage(self, instrument: &Instrument, as_of: Timestamp) -> Self {
        let Self::Store(error) = self else { return self };
        if !error.is_retryable() {
            return Self::Store(error);
        }
        let reason = "the cache cannot prove it, and the store does not answer".to_owned();
        Self::Unavailable { instrument: instrument.clone(), as_of, reason, source: Some(Arc::new(error)) }
    }
}

/// A frame of a subscription that could not be made. The subscription goes on.
#[derive(Debug, thiserror::Error)]
#[error("there is no frame of {instrument} at {as_of}")]
#[non_exhaustive]
pub struct SubscriptionError {
    /// Whose frame.
    pub instrument: Instrument,
    /// The stamp it was due for.
    pub as_of: Timestamp,
    /// How many closes before it, and after the item before, were passed over.
    pub passed_over: u64,
    /// Why.
    pub source: ProviderError,
}
