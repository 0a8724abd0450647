//! Why a live feed cannot be opened, or a venue's REST interface gave no answer.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use onetape_domain::instrument::{Instrument, Market};

type Cause = Box<dyn Error + Send + Sync>;

/// A live feed that cannot be opened, or an answer that did not come. Nothing in it holds a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// An address that is none, or of a kind that is not spoken here.
    #[error("`{url}` is no address to connect to: {reason}")]
    Address {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No instrument was named.
    #[error("no instrument of {market} is named")]
    NoInstruments {
        /// Which market.
        market: Market,
    },
    /// The venue does not list it.
    #[error("{instrument} is not listed at {market}")]
    Unknown {
        /// What was asked for.
        instrument: Instrument,
        /// Where.
        market: Market,
        /// Listed names that are like it, the most alike first.
        similar: Vec<Instrument>,
    },
    /// The venue lists it and does not trade it now.
    #[error("{instrument} is not trading at {market}: its status is {status}")]
    NotTrading {
        /// What was asked for.
        instrument: Instrument,
        /// Where.
        market: Market,
        /// What the venue says.
        status: String,
    },
    /// A recording cannot be written there.
    #[error("{} cannot be recorded to", folder.display())]
    Recording {
        /// Which folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The system's certificates cannot be used.
    #[error("the system's certificates cannot be used")]
    Certificates(#[source] Cause),
    /// The server cannot be reached, or the connection broke.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// Which address.
        url: String,
        /// What happened.
        #[source]
        source: Cause,
    },
    /// No answer in time.
    #[error("{url} did not answer within {} ms", after.as_millis())]
    Timeout {
        /// Which address.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The venue's limits are used up; from an address that goes on, it takes nothing any more.
    #[error("{url} takes no more requests for {} s (status {status})", retry_after.as_secs())]
    Limited {
        /// Which address.
        url: String,
        /// 429, or 418 for an address that is banned.
        status: u16,
        /// How long it wants to be left alone.
        retry_after: Duration,
    },
    /// The venue refused the request, or failed.
    #[error("{url} answered with status {status}: {message}")]
    Status {
        /// Which address.
        url: String,
        /// The status.
        status: u16,
        /// What it says, cut.
        message: String,
    },
    /// The answer cannot be understood.
    #[error("{url} gave an answer that cannot be understood")]
    Answer {
        /// Which address.
        url: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

impl LiveError {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Limited { .. } => true,
            Self::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }
}
