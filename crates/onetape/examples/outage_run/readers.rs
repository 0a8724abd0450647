//! Readers in the outage: what the cache can prove is answered, what only the store knows is unavailable, and what was
//! answered is what the store answers afterwards.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use onetape::prelude::*;

use crate::feed::Scene;
use crate::{Outcome, Plan};

/// How often something is asked.
const PAUSE: Duration = Duration::from_millis(50);
const WINDOW: Duration = Duration::from_secs(20);

/// What readers were told while the store was away.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// Instrument, instant and digest of each frame of the newest instant.
    frames: Vec<(String, Timestamp, u64)>,
    /// Answers of an instant that only the store knows: unavailable, as they should be.
    unavailable: u64,
    /// Anything else.
    wrong: Vec<String>,
}

impl fmt::Display for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "reads in the outage: {} newest frames from the cache, {} old ones unavailable, {} otherwise",
            self.frames.len(),
            self.unavailable,
            self.wrong.len()
        )?;
        self.wrong.iter().take(3).try_for_each(|wrong| write!(f, "\n    {wrong}"))
    }
}

/// Asks of one instrument after the other until the feed is over, for the newest instant and for one before this process.
pub(crate) async fn read(provider: UnifiedDataProvider, scene: Arc<Scene>, plan: Plan) -> Readings {
    let mut readings = Readings::default();
    let markets = plan.markets().unwrap_or_default();
    for market in markets.iter().cycle() {
        if scene.is_over() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        if !scene.is_away() {
            continue;
        }
        let symbol = market.instrument.symbol().as_str();
        let newest = provider.get_inference_data(symbol, None, WINDOW).await;
        let old = scene.at(plan.moments().0 / 2);
        let older = provider.get_inference_data(symbol, Some(old), WINDOW).await;
        // One of them may have met the end of the outage.
        if scene.is_away() {
            readings.newest(symbol, newest);
            readings.older(symbol, older);
        }
    }
    readings
}

impl Readings {
    fn newest(&mut self, symbol: &str, answer: Result<InferenceDataFrame, ProviderError>) {
        match answer {
            Ok(frame) => self.frames.push((symbol.to_owned(), frame.as_of, digest(&frame))),
            Err(error) => self.wrong.push(format!("{symbol}, newest: {error}")),
        }
    }

    fn older(&mut self, symbol: &str, answer: Result<InferenceDataFrame, ProviderError>) {
        match answer {
            Err(ProviderError::Unavailable { .. }) => self.unavailable += 1,
            Err(error) => self.wrong.push(format!("{symbol}, old: {error}")),
            Ok(frame) => self.wrong.push(format!("{symbol}, old: answered as of {}", frame.as_of)),
        }
    }

    /// How many of the frames the store answers alike, of how many.
    pub(crate) async fn answered_alike(&self, tape: &Onetape) -> Outcome<String> {
        let mut alike = 0;
        for (symbol, as_of, digest) in &self.frames {
            let frame = tape.get_inference_data(symbol, Some(*as_of), WINDOW).await?;
            alike += usize::from(self::digest(&frame) == *digest);
        }
        Ok(format!("{alike} of {}", self.frames.len()))
    }
}

fn digest(frame: &InferenceDataFrame) -> u64 {
    let mut hasher = DefaultHasher::new();
    frame.to_canonical_json().hash(&mut hasher);
    hasher.finish()
}
