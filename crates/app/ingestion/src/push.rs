//! The push interface, for callers with their own feed.

use onetape_domain::book::BookLevel;
use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::engine::Outcome;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{FeedMessage, FullBook, Payload};
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::{Side, TradeEvent, TradeId};
use onetape_domain::validator::{DataValidator, RawCandle};
use onetape_domain::venue::VenueRules;
use onetape_domain::violation::Violations;

use crate::error::IngestError;
use crate::pipeline::DataIngestionPipeline;

/// Connection id of everything that is pushed.
const PUSHED: u32 = u32::MAX;

/// A trade as a caller supplies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedTrade {
    /// When it happened.
    pub event_time: Timestamp,
    /// Its id; without one, equal trades are told apart by their order in one run.
    pub id: TradeId,
    /// Price as plain decimal text.
    pub price: String,
    /// Size as plain decimal text.
    pub size: String,
    /// Side of the taker.
    pub side: Side,
}

impl DataIngestionPipeline {
    /// Takes a trade in. Its event time is also taken as the time it was sent.
    ///
    /// # Errors
    /// [`IngestError::Refused`] with every broken rule, after the record went to quarantine; else as
    /// [`ingest`](Self::ingest).
    pub async fn ingest_trade(
        &self,
        instrument: &Instrument,
        trade: &PushedTrade,
    ) -> Result<Outcome, IngestError> {
        let event = || {
            let price = Price::parse("trade.price", &trade.price);
            let size = Quantity::parse("trade.size", &trade.size);
            match (price, size) {
                (Ok(price), Ok(size)) => {
                    TradeEvent::try_new(trade.event_time, trade.id.clone(), price, size, trade.side, None)
                }
                (price, size) => Err(Violations(
                    [price.err(), size.err()].into_iter().flatten().flat_map(|v| v.0).collect(),
                )),
            }
        };
        match event() {
            Ok(event) => self.push(instrument, trade.event_time, Payload::Trades(vec![event])).await,
            Err(violations) => self.refuse_push(instrument, violations, &format!("{trade:?}")).await,
        }
    }

    /// Takes a book in, best levels first, as of `time`. Books may be pushed at any rate; one sample a
    /// second is stored, as for any feed.
    ///
    /// # Errors
    /// As [`ingest_trade`](Self::ingest_trade).
    pub async fn ingest_orderbook_snapshot(
        &self,
        instrument: &Instrument,
        time: Timestamp,
        bids: &[BookLevel],
        asks: &[BookLevel],
    ) -> Result<Outcome, IngestError> {
        match DataValidator::validate_orderbook(bids, asks) {
            Ok(book) => {
                let last_update = u64::try_from(time.micros()).unwrap_or(0);
                self.push(instrument, time, Payload::BookState(FullBook { last_update, ..book })).await
            }
            Err(violations) => {
                self.refuse_push(instrument, violations, &format!("{time} {bids:?} {asks:?}")).await
            }
        }
    }

    /// Takes a closed candle in, for feeds that have no trades. The candles of an instrument must all
    /// be of one timeframe; coarser ones are rolled up here. A candle pushed again with other values is
    /// a revision. An instrument that has trades builds its own candles and refuses pushed ones.
    ///
    /// # Errors
    /// As [`ingest_trade`](Self::ingest_trade).
    pub async fn ingest_ohlcv_candle(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        candle: &RawCandle,
    ) -> Result<Outcome, IngestError> {
        match DataValidator::validate_ohlcv(timeframe, candle) {
            Ok(candle) => self.push(instrument, candle.close_time(), Payload::Candle(candle)).await,
            Err(violations) => {
                self.refuse_push(instrument, violations, &format!("{timeframe} {candle:?}")).await
            }
        }
    }

    async fn push(
        &self,
        instrument: &Instrument,
        time: Timestamp,
        payload: Payload,
    ) -> Result<Outcome, IngestError> {
        let message = FeedMessage {
            instrument: instrument.clone(),
            connection: PUSHED,
            sent_at: Some(time),
            received_at: self.inner.clock.now(),
            payload,
        };
        let step = self.ingest(&message, VenueRules::PUSHED).await?;
        let instrument = instrument.clone();
        step.accepted().map_err(|violations| IngestError::Refused { instrument, violations })
    }

    /// Notes that the caller's feed is alive at `time` and nothing happened until then: seconds without
    /// trades become quiet instead of unproven. Needed after 30 s without any other call.
    ///
    /// # Errors
    /// As [`ingest`](Self::ingest).
    pub async fn ingest_heartbeat(
        &self,
        instrument: &Instrument,
        time: Timestamp,
    ) -> Result<Outcome, IngestError> {
        self.push(instrument, time, Payload::Heartbeat).await
    }

    async fn refuse_push(
        &self,
        instrument: &Instrument,
        violations: Violations,
        payload: &str,
    ) -> Result<Outcome, IngestError> {
        self.inner.hold_back().await?;
        let mut record =
            onetape_domain::message::QuarantinedRecord::new("push", violations.clone(), payload.as_bytes());
        record.instrument = Some(instrument.clone());
        record.received_at = Some(self.inner.clock.now());
        self.inner.quarantine(record);
        Err(IngestError::Refused { instrument: instrument.clone(), violations })
    }
}
