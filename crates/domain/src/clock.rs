//! An instrument's clock as it is stored: the last stamp, and what is needed to go on from there.

use serde::{Deserialize, Serialize};

use crate::engine::EngineState;
use crate::instrument::Instrument;
use crate::message::FullBook;
use crate::time::Timestamp;

/// The checkpoint of an instrument, written with every batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstrumentClock {
    /// Whose clock it is.
    pub instrument: Instrument,
    /// The last stamp whose rows are all written: the sequencer resumes from it, and a reader of the
    /// store can prove everything up to it.
    pub issued: Timestamp,
    /// The first stamp: since when the instrument is live.
    pub live_since: Timestamp,
    /// The trade stream's watermark, once there is one.
    pub watermark: Option<Timestamp>,
    /// State of the sequencer, the streams and the coverage.
    pub state: EngineState,
    /// The full-depth book; only at an orderly stop, since it is large.
    #[serde(skip)]
    pub book: Option<FullBook>,
}
