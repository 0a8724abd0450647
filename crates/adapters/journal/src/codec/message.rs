//! Messages as bytes. What is read back goes through the constructors, as everything from outside does.

use onetape_domain::candle::{Candle, Ohlcv};
use onetape_domain::engine::local_book::TimedDiff;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::{BookDiff, FeedMessage, FullBook, Payload};
use onetape_domain::time::Timeframe;
use onetape_domain::trade::{AggregateIds, Side, TradeEvent, TradeId, TradeKey};
use onetape_ports::JournalPart;

use super::bytes::{Reader, Writer};

const TRADES: u8 = 0;
const VOID_TRADE: u8 = 1;
const DIFF: u8 = 2;
const SNAPSHOT: u8 = 3;
const STATE: u8 = 4;
const CANDLE: u8 = 5;
const HEARTBEAT: u8 = 6;
const TICKER: u8 = 7;
const UNFILLABLE: u8 = 8;

const NUMERIC: u8 = 0;
const TEXT: u8 = 1;
const MISSING: u8 = 2;

/// Writes all of a message but its instrument.
pub(super) fn write(out: &mut Writer, message: &FeedMessage) {
    let FeedMessage { instrument: _, connection, sent_at, received_at, payload } = message;
    out.unsigned((*connection).into());
    out.option(*sent_at, Writer::time);
    out.time(*received_at);
    match payload {
        Payload::Trades(trades) => {
            out.byte(TRADES);
            out.unsigned(trades.len() as u64);
            trades.iter().for_each(|trade| write_trade(out, trade));
        }
        Payload::VoidTrade { id, event_time } => {
            out.byte(VOID_TRADE);
            out.signed(*id);
            out.time(*event_time);
        }
        Payload::Unfillable { first_id, last_id, reason } => {
            out.byte(UNFILLABLE);
            out.signed(*first_id);
            out.signed(*last_id);
            out.text(reason);
        }
        Payload::BookDiff(diff) => {
            out.byte(DIFF);
            write_diff(out, diff);
        }
        Payload::BookSnapshot(book) => {
            out.byte(SNAPSHOT);
            write_book(out, book);
        }
        Payload::BookState(book) => {
            out.byte(STATE);
            write_book(out, book);
        }
        Payload::Candle(candle) => {
            out.byte(CANDLE);
            write_candle(out, candle);
        }
        Payload::Heartbeat => out.byte(HEARTBEAT),
        Payload::Ticker => out.byte(TICKER),
    }
}

/// Reads a message of an instrument.
pub(super) fn read(body: &mut Reader<'_>, instrument: &Instrument) -> Option<FeedMessage> {
    let connection = body.unsigned()?.try_into().ok()?;
    let sent_at = body.option(Reader::time)?;
    let received_at = body.time()?;
    let payload = match body.byte()? {
        TRADES => {
            let count = body.count(6)?;
            let mut trades = Vec::with_capacity(count);
            for _ in 0..count {
                trades.push(read_trade(body)?);
            }
            Payload::Trades(trades)
        }
        VOID_TRADE => Payload::VoidTrade { id: body.signed()?, event_time: body.time()? },
        UNFILLABLE => Payload::Unfillable {
            first_id: body.signed()?,
            last_id: body.signed()?,
            reason: body.text()?.into(),
        },
        DIFF => Payload::BookDiff(read_diff(body)?),
        SNAPSHOT => Payload::BookSnapshot(read_book(body)?),
        STATE => Payload::BookState(read_book(body)?),
        CANDLE => Payload::Candle(read_candle(body)?),
        HEARTBEAT => Payload::Heartbeat,
        TICKER => Payload::Ticker,
        _ => return None,
    };
    Some(FeedMessage { instrument: instrument.clone(), connection, sent_at, received_at, payload })
}

pub(super) fn write_book(out: &mut Writer, book: &FullBook) {
    let FullBook { last_update, bids, asks } = book;
    out.unsigned(*last_update);
    out.levels(bids);
    out.levels(asks);
}

pub(super) fn read_book(body: &mut Reader<'_>) -> Option<FullBook> {
    Some(FullBook { last_update: body.unsigned()?, bids: body.levels()?, asks: body.levels()? })
}

fn write_diff(out: &mut Writer, diff: &BookDiff) {
    let BookDiff { first_update, last_update, previous_update, bids, asks } = diff;
    out.unsigned(*first_update);
    out.unsigned(*last_update);
    out.option(*previous_update, Writer::unsigned);
    out.levels(bids);
    out.levels(asks);
}

fn read_diff(body: &mut Reader<'_>) -> Option<BookDiff> {
    Some(BookDiff {
        first_update: body.unsigned()?,
        last_update: body.unsigned()?,
        previous_update: body.option(Reader::unsigned)?,
        bids: body.levels()?,
        asks: body.levels()?,
    })
}

pub(super) fn write_waiting(out: &mut Writer, diffs: &[TimedDiff], part: JournalPart) {
    out.unsigned(part.from.into());
    out.unsigned(part.of.into());
    out.unsigned(diffs.len() as u64);
    for TimedDiff { diff, sent_at, received_at } in diffs {
        out.time(*sent_at);
        out.time(*received_at);
        write_diff(out, diff);
    }
}

pub(super) fn read_waiting(body: &mut Reader<'_>) -> Option<(Vec<TimedDiff>, JournalPart)> {
    let part = JournalPart { from: body.unsigned()?.try_into().ok()?, of: body.unsigned()?.try_into().ok()? };
    let count = body.count(7)?;
    let mut diffs = Vec::with_capacity(count);
    for _ in 0..count {
        let (sent_at, received_at) = (body.time()?, body.time()?);
        diffs.push(TimedDiff { diff: read_diff(body)?, sent_at, received_at });
    }
    Some((diffs, part))
}

fn write_trade(out: &mut Writer, trade: &TradeEvent) {
    out.time(trade.event_time());
    match trade.id() {
        TradeId::Numeric(id) => {
            out.byte(NUMERIC);
            out.signed(*id);
        }
        TradeId::Text { id, sequence } => {
            out.byte(TEXT);
            out.text(id);
            out.option(*sequence, Writer::signed);
        }
        TradeId::Missing => out.byte(MISSING),
    }
    out.decimal(*trade.price());
    out.decimal(*trade.size());
    out.byte((trade.side() == Side::Sell).into());
    out.option(trade.aggregate(), |out, ids| {
        out.signed(ids.first);
        out.signed(ids.last);
    });
}

fn read_trade(body: &mut Reader<'_>) -> Option<TradeEvent> {
    let event_time = body.time()?;
    let id = match body.byte()? {
        NUMERIC => TradeId::Numeric(body.signed()?),
        TEXT => TradeId::Text { id: body.text()?.into(), sequence: body.option(Reader::signed)? },
        MISSING => TradeId::Missing,
        _ => return None,
    };
    let (price, size) = (body.price()?, body.quantity()?);
    let side = match body.byte()? {
        0 => Side::Buy,
        1 => Side::Sell,
        _ => return None,
    };
    let aggregate = body.option(|body| Some(AggregateIds { first: body.signed()?, last: body.signed()? }))?;
    TradeEvent::try_new(event_time, id, price, size, side, aggregate).ok()
}

fn write_candle(out: &mut Writer, candle: &Candle) {
    let Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count, first, last } = candle.ohlcv();
    out.byte(candle.timeframe().index() as u8);
    out.time(candle.open_time());
    out.unsigned(candle.revision().into());
    out.option(candle.known_from(), Writer::time);
    [open, high, low, close].into_iter().for_each(|price| out.decimal(**price));
    out.decimal(**volume);
    out.option(*taker_buy_volume, |out, volume| out.decimal(*volume));
    out.option(*trade_count, Writer::unsigned);
    for key in [first, last] {
        out.time(key.event_time);
        out.signed(key.sequence);
        out.unsigned(key.index.into());
    }
}

/// A candle that a caller pushed: closed, as validated when it came.
fn read_candle(body: &mut Reader<'_>) -> Option<Candle> {
    let timeframe = *Timeframe::ALL.get(usize::from(body.byte()?))?;
    let open_time = body.time()?;
    let revision = body.unsigned()?.try_into().ok()?;
    let known_from = body.option(Reader::time)??;
    let ohlcv = Ohlcv {
        open: body.price()?,
        high: body.price()?,
        low: body.price()?,
        close: body.price()?,
        volume: body.quantity()?,
        taker_buy_volume: body.option(Reader::quantity)?,
        trade_count: body.option(Reader::unsigned)?,
        first: read_key(body)?,
        last: read_key(body)?,
    };
    Candle::closed(timeframe, open_time, ohlcv, revision, known_from).ok()
}

fn read_key(body: &mut Reader<'_>) -> Option<TradeKey> {
    Some(TradeKey {
        event_time: body.time()?,
        sequence: body.signed()?,
        index: body.unsigned()?.try_into().ok()?,
    })
}
