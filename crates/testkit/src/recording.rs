//! Runs messages through the engine and keeps what came of it: batches for a store, and the model.

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::engine::{InstrumentEngine, Outcome, Step};
use onetape_domain::frame::{FrameParts, FrameShape};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::{FrameQuery, Knowledge, MarketStore, StoreError};

use crate::reference::Reference;

/// An engine together with the model of everything it has brought forth.
#[derive(Debug, Clone)]
pub struct Recording {
    rules: VenueRules,
    engine: InstrumentEngine,
    reference: Reference,
    pending: Changes,
    batches: Vec<TapeBatch>,
    /// Stamps given to messages, in order.
    stamps: Vec<Timestamp>,
}

impl Recording {
    /// Starts an instrument.
    pub fn new(instrument: Instrument, rules: VenueRules) -> Self {
        Self {
            rules,
            engine: InstrumentEngine::new(instrument.clone(), rules),
            reference: Reference::new(instrument),
            pending: Changes::default(),
            batches: Vec::new(),
            stamps: Vec::new(),
        }
    }

    /// Runs all messages, cutting a batch after each `batch` of them and at the end.
    pub fn of(rules: VenueRules, messages: &[FeedMessage], batch: usize) -> Self {
        let instrument = messages.first().expect("a recording needs a message").instrument.clone();
        let mut recording = Self::new(instrument, rules);
        for part in messages.chunks(batch.max(1)) {
            for message in part {
                recording.process(message);
            }
            recording.cut(false);
        }
        recording
    }

    /// Whose recording it is.
    pub fn instrument(&self) -> &Instrument {
        self.engine.instrument()
    }

    /// The engine as it stands.
    pub fn engine(&self) -> &InstrumentEngine {
        &self.engine
    }

    /// The model of all rows so far.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The batches cut so far.
    pub fn batches(&self) -> &[TapeBatch] {
        &self.batches
    }

    /// Stamps given to messages, in order.
    pub fn stamps(&self) -> &[Timestamp] {
        &self.stamps
    }

    /// Processes a message, loading the candles it needs from the model.
    pub fn process(&mut self, message: &FeedMessage) -> Step {
        let mut changes = Changes::default();
        let mut step = self.engine.process(message, &mut changes);
        if let Outcome::NeedsCandles(keys) = &step.outcome {
            assert!(changes.is_empty(), "a message that needs candles must not have changed anything");
            for key in keys {
                self.engine.load_candle(*key, self.reference.candle(*key));
            }
            step = self.engine.process(message, &mut changes);
        }
        if let Outcome::Stamped(stamp) = step.outcome {
            self.stamps.push(stamp);
        }
        self.take(changes);
        step
    }

    /// Ends the feed in order.
    pub fn end_of_feed(&mut self) {
        let mut changes = Changes::default();
        self.engine.end_of_feed(&mut changes);
        self.take(changes);
    }

    /// Cuts a batch of everything since the last one, with the clock as it stands.
    pub fn cut(&mut self, with_book: bool) {
        let changes = std::mem::take(&mut self.pending);
        if let Some(clock) = self.engine.clock(with_book) {
            self.reference.set_clock(clock.clone());
            self.batches.push(TapeBatch { instrument: self.engine.instrument().clone(), changes, clock });
        }
    }

    /// Writes all batches in order.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn write(&self, store: &dyn MarketStore) -> Result<(), StoreError> {
        let mut expected = None;
        for batch in &self.batches {
            store.append(batch, expected).await?;
            expected = Some(batch.clock.issued);
        }
        Ok(())
    }

    /// Throws the engine away and restores another from the model, as after a restart; with the
    /// full-depth book or without.
    pub fn restart(&mut self, with_book: bool) {
        let instrument = self.engine.instrument().clone();
        let Some(clock) = self.engine.clock(with_book) else {
            self.engine = InstrumentEngine::new(instrument, self.rules);
            return;
        };
        let shape = FrameShape { candles: FrameParts::FORMING_ROWS, context_window: 0, imbalances: 60 };
        let query = FrameQuery { instrument, as_of: clock.issued, shape, knowledge: Knowledge::AsRecorded };
        let parts = self.reference.frame_parts(&query);
        let since = clock.watermark.map(|mark| mark.plus(-600 * SECOND));
        let trades = self.reference.trades(clock.issued);
        let recent: Vec<_> = trades
            .into_iter()
            .filter(|trade| since.is_none_or(|since| trade.key.event_time >= since))
            .collect();
        let restored =
            InstrumentEngine::restore(self.rules, clock, &parts, FrameParts::FORMING_ROWS, &recent);
        self.engine = restored.expect("the model's own parts restore an engine");
    }

    fn take(&mut self, mut changes: Changes) {
        self.reference.take(&changes);
        self.pending.append(&mut changes);
    }
}
