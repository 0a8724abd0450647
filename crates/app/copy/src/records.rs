//! What a row is to a copy: its day, its columns for the checksum, and the piece it is loaded in.

use std::sync::Arc;

use onetape_domain::book::{BookLevel, BookSnapshot};
use onetape_domain::candle::{Candle, Ohlcv, SupersededCandle};
use onetape_domain::coverage::CoverageRow;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::imported::ImportedCandle;
use onetape_domain::message::QuarantinedRecord;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::{Trade, TradeKey};

use crate::digest::Columns;

/// Rows loaded at once: one transaction.
const ROWS: usize = 50_000;
/// The same of books, which have up to a hundred levels.
const BOOKS: usize = 2_000;

/// A row of a table.
pub(crate) trait Record: Send + Sync + 'static {
    /// How many are loaded at once.
    const BATCH: usize = ROWS;

    /// Its own time, of which the day counts.
    fn time(&self) -> Timestamp;

    /// Every column.
    fn write(&self, row: &mut Columns);
}

fn key(row: &mut Columns, key: TradeKey) {
    row.time(key.event_time).int(key.sequence).natural(u64::from(key.index));
}

fn ohlcv(row: &mut Columns, sum: &Ohlcv) {
    let Ohlcv { open, high, low, close, volume, taker_buy_volume, trade_count, first, last } = sum;
    for price in [open, high, low, close] {
        row.decimal(price.get());
    }
    row.decimal(volume.get()).optional_decimal(taker_buy_volume.map(|volume| volume.get()));
    row.optional(*trade_count, |row, count| row.natural(count));
    key(row, *first);
    key(row, *last);
}

impl Record for Candle {
    fn time(&self) -> Timestamp {
        self.open_time()
    }

    fn write(&self, row: &mut Columns) {
        row.text(self.timeframe().as_str()).time(self.open_time()).optional_time(self.known_from());
        row.natural(u64::from(self.revision())).text(self.state().as_str());
        ohlcv(row, self.ohlcv());
    }
}

impl Record for SupersededCandle {
    fn time(&self) -> Timestamp {
        self.candle.open_time()
    }

    fn write(&self, row: &mut Columns) {
        row.time(self.known_to);
        self.candle.write(row);
    }
}

impl Record for Trade {
    fn time(&self) -> Timestamp {
        self.key.event_time
    }

    fn write(&self, row: &mut Columns) {
        let Self { key: own, trade_id, price, size, side, aggregate, received_at, available_at } = self;
        key(row, *own);
        row.text(trade_id).decimal(price.get()).decimal(size.get()).text(side.as_str());
        row.optional(*aggregate, |row, ids| row.int(ids.first).int(ids.last));
        row.time(*received_at).time(*available_at);
    }
}

impl Record for Arc<BookSnapshot> {
    const BATCH: usize = BOOKS;

    fn time(&self) -> Timestamp {
        self.second()
    }

    fn write(&self, row: &mut Columns) {
        let flags = self.flags();
        row.time(self.second()).time(self.available_at()).time(self.event_time()).time(self.received_at());
        row.natural(self.sequence()).flag(flags.early).flag(flags.partial).flag(flags.covered);
        row.decimal(self.bucket_size().get());
        for side in [self.bids(), self.asks()] {
            row.natural(side.len() as u64);
            for BookLevel { price, size } in side {
                row.decimal(price.get()).decimal(size.get());
            }
        }
    }
}

impl Record for Imbalances {
    fn time(&self) -> Timestamp {
        self.second
    }

    fn write(&self, row: &mut Columns) {
        let Self {
            second,
            imbalance_1s,
            imbalance_5s,
            imbalance_15s,
            imbalance_60s,
            volume_imbalance_1s,
            volume_imbalance_5s,
            volume_imbalance_15s,
            volume_imbalance_60s,
            price_range,
            bid_volume,
            ask_volume,
            available_at,
        } = self;
        row.time(*second).time(*available_at);
        for value in [
            imbalance_1s,
            imbalance_5s,
            imbalance_15s,
            imbalance_60s,
            volume_imbalance_1s,
            volume_imbalance_5s,
            volume_imbalance_15s,
            volume_imbalance_60s,
            price_range,
        ] {
            row.optional_decimal(*value);
        }
        row.decimal(bid_volume.get()).decimal(ask_volume.get());
    }
}

impl Record for CoverageRow {
    fn time(&self) -> Timestamp {
        self.available_at
    }

    fn write(&self, row: &mut Columns) {
        let Self { stream, begin, end, state, reason, available_at } = self;
        row.time(*available_at).text(stream.as_str()).text(state.as_str());
        row.time(*begin).time(*end).text(reason);
    }
}

impl Record for ImportedCandle {
    fn time(&self) -> Timestamp {
        self.open_time()
    }

    fn write(&self, row: &mut Columns) {
        row.time(self.open_time());
        ohlcv(row, self.ohlcv());
    }
}

impl Record for QuarantinedRecord {
    const BATCH: usize = 1_000;

    fn time(&self) -> Timestamp {
        self.received_at.unwrap_or(Timestamp::EARLIEST)
    }

    fn write(&self, row: &mut Columns) {
        let Self { origin, instrument: _, violations, payload, payload_bytes: _, received_at: _ } = self;
        // A zero byte cannot be stored everywhere, and is stored as this where it cannot. What is not part of a
        // record's identity is as it was when the record first came.
        let text = |text: &str| text.replace('\0', "\u{fffd}");
        row.text(&text(origin)).text(&text(payload));
        for violation in &violations.0 {
            row.text(&violation.field).text(&violation.value).text(&violation.reason);
        }
    }
}
