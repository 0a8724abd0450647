//! Past trades held in memory, with what a venue may do to whoever asks for them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, Payload};
use onetape_domain::trade::{TradeEvent, TradeId, TradeKind};
use onetape_domain::venue::VenueRules;
use onetape_ports::{HistoryError, HistoryErrorKind, HistorySource, TradeHistory, TradePage};

const POISONED: &str = "a test that panicked inside the history";

/// Gives the trades of messages, by their numeric ids.
#[derive(Debug)]
pub struct ScriptedHistory {
    source: HistorySource,
    trades: BTreeMap<Instrument, BTreeMap<i64, TradeEvent>>,
    oldest: Option<i64>,
    failures: Mutex<VecDeque<HistoryErrorKind>>,
    asked: Mutex<Vec<i64>>,
}

impl ScriptedHistory {
    /// The trades of these messages; those without a numeric id are left out.
    pub fn of_messages(rules: VenueRules, messages: &[FeedMessage]) -> Self {
        let mut trades: BTreeMap<Instrument, BTreeMap<i64, TradeEvent>> = BTreeMap::new();
        let mut kind = TradeKind::Single;
        for message in messages {
            let Payload::Trades(events) = &message.payload else { continue };
            let of_instrument = trades.entry(message.instrument.clone()).or_default();
            for event in events {
                if let TradeId::Numeric(id) = event.id() {
                    of_instrument.insert(*id, event.clone());
                }
                if event.aggregate().is_some() {
                    kind = TradeKind::Aggregate;
                }
            }
        }
        Self {
            source: HistorySource { kind, rules, max_page: 1_000, omits_void_ids: false },
            trades,
            oldest: None,
            failures: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// The same of another source: smaller pages, ids without a trade left out.
    #[must_use]
    pub fn with_source(mut self, change: impl FnOnce(&mut HistorySource)) -> Self {
        change(&mut self.source);
        self
    }

    /// The same without some ids of every instrument.
    #[must_use]
    pub fn without(mut self, is_lost: impl Fn(i64) -> bool) -> Self {
        self.trades.values_mut().for_each(|trades| trades.retain(|id, _| !is_lost(*id)));
        self
    }

    /// The same with nothing before an id, which it says.
    #[must_use]
    pub fn beginning_with(self, oldest: i64) -> Self {
        Self { oldest: Some(oldest), ..self.without(|id| id < oldest) }
    }

    /// The next calls fail, each in its own way.
    pub fn fail_next(&self, kinds: impl IntoIterator<Item = HistoryErrorKind>) {
        self.failures.lock().expect(POISONED).extend(kinds);
    }

    /// The ids that were asked from, in the order of the calls.
    pub fn asked(&self) -> Vec<i64> {
        self.asked.lock().expect(POISONED).clone()
    }
}

impl fmt::Display for ScriptedHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scripted history")
    }
}

#[async_trait]
impl TradeHistory for ScriptedHistory {
    fn source(&self, instrument: &Instrument) -> Option<HistorySource> {
        self.trades.contains_key(instrument).then_some(self.source)
    }

    async fn trades_from(
        &self,
        instrument: &Instrument,
        first_id: i64,
        limit: usize,
    ) -> Result<TradePage, HistoryError> {
        self.asked.lock().expect(POISONED).push(first_id);
        if let Some(kind) = self.failures.lock().expect(POISONED).pop_front() {
            return Err(HistoryError::new(kind, "as the script says"));
        }
        let Some(trades) = self.trades.get(instrument) else {
            return Err(HistoryError::new(HistoryErrorKind::Refused, format!("{instrument} is not known")));
        };
        let page = trades.range(first_id..).take(limit.min(self.source.max_page));
        let trades = page.map(|(_, event)| event.clone()).collect();
        Ok(TradePage { trades, oldest: self.oldest.filter(|oldest| first_id < *oldest) })
    }
}
