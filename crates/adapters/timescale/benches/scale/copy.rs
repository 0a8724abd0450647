//! Rows in the binary form of COPY, one buffer a table.

use onetape_domain::book::{BookLevel, BookSnapshot};
use onetape_domain::bucket::PriceBucket;
use onetape_domain::candle::Candle;
use onetape_domain::change::Changes;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::trade::Trade;
use rust_decimal::Decimal;

/// 2000-01-01, where PostgreSQL begins to count.
const EPOCH: i64 = 946_684_800_000_000;
/// `int8` in an array.
const BIGINT: i32 = 20;

const CANDLE: &str = "symbol, exchange, timestamp, known_from, first_event_time, first_sequence, first_index, \
    last_event_time, last_sequence, last_index, trade_count, revision, open_price, high_price, low_price, close_price, \
    volume, taker_buy_volume";
const TRADE: &str = "symbol, exchange, timestamp, sequence, message_index, received_at, available_at, first_trade_id, \
    last_trade_id, price, size, side, trade_id";
const BOOK: &str = "symbol, exchange, timestamp, available_at, event_time, received_at, sequence, price_scale, \
    size_scale, early, partial, covered, bucket_size, mid_price, spread, bid_volume, ask_volume, bid_prices, bid_sizes, \
    ask_prices, ask_sizes";
const BUCKET: &str = "symbol, exchange, timestamp, available_at, bid_count, ask_count, partial, price_bucket, \
    bucket_size, bid_volume, ask_volume, imbalance";
const IMBALANCE: &str = "symbol, exchange, timestamp, available_at, imbalance_1s, imbalance_5s, imbalance_15s, \
    imbalance_60s, volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, \
    bid_volume, ask_volume";
const COVERAGE: &str = "symbol, exchange, stream, available_at, state, begin_time, end_time, reason";

/// The rows of one table.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) statement: String,
    pub(crate) rows: u64,
    pub(crate) bytes: Vec<u8>,
    /// Symbol and exchange as each row begins with them.
    head: Vec<u8>,
    columns: i16,
}

/// All rows of some changes, but for those of superseded candles.
pub(crate) fn encode(instrument: &Instrument, changes: &Changes) -> Vec<Copy> {
    let table = |name: &str, columns: &str| Copy::new(instrument, name, columns);
    let mut tables: Vec<Copy> =
        Timeframe::ALL.iter().map(|timeframe| table(&format!("ohlcv_{timeframe}"), CANDLE)).collect();
    changes.candles.iter().for_each(|row| tables[row.candle.timeframe().index()].candle(&row.candle));
    let mut trades = table("trade_events", TRADE);
    changes.trades.iter().for_each(|row| trades.trade(row));
    let (mut books, mut buckets) = (table("order_book_snapshots", BOOK), table("order_book_1s_agg", BUCKET));
    for book in &changes.books {
        books.book(book);
        PriceBucket::of(book).iter().for_each(|bucket| buckets.bucket(book, bucket));
    }
    let mut imbalances = table("order_book_imbalances", IMBALANCE);
    changes.imbalances.iter().for_each(|row| imbalances.imbalances(row));
    let mut coverage = table("stream_coverage", COVERAGE);
    changes.coverage.iter().for_each(|row| coverage.coverage(row));
    tables.extend([trades, books, buckets, imbalances, coverage]);
    tables.retain(|table| table.rows > 0);
    tables.iter_mut().for_each(|table| table.bytes.extend((-1_i16).to_be_bytes()));
    tables
}

impl Copy {
    pub(crate) fn new(instrument: &Instrument, name: &str, columns: &str) -> Self {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend([0; 8]);
        let mut head = Vec::new();
        for text in [instrument.symbol().as_str(), instrument.exchange().as_str()] {
            head.extend((text.len() as i32).to_be_bytes());
            head.extend(text.as_bytes());
        }
        Self {
            statement: format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)"),
            rows: 0,
            bytes,
            head,
            columns: columns.split(',').count() as i16,
        }
    }

    pub(crate) fn begin(&mut self) {
        self.rows += 1;
        self.bytes.extend(self.columns.to_be_bytes());
        self.bytes.extend_from_slice(&self.head);
    }

    fn candle(&mut self, row: &Candle) {
        let sum = row.ohlcv();
        self.begin();
        self.time(row.open_time());
        self.time(row.known_from().unwrap_or_else(|| row.close_time()));
        for key in [sum.first, sum.last] {
            self.time(key.event_time);
            self.long(key.sequence);
            self.long(i64::from(key.index));
        }
        self.long(sum.trade_count.unwrap_or(0) as i64);
        self.int(row.revision() as i32);
        for value in [*sum.open, *sum.high, *sum.low, *sum.close, *sum.volume] {
            self.number(value);
        }
        self.maybe(sum.taker_buy_volume.map(|volume| *volume));
    }

    fn trade(&mut self, row: &Trade) {
        self.begin();
        self.time(row.key.event_time);
        self.long(row.key.sequence);
        self.long(i64::from(row.key.index));
        self.time(row.received_at);
        self.time(row.available_at);
        match row.aggregate {
            Some(ids) => [ids.first, ids.last].into_iter().for_each(|id| self.long(id)),
            None => (0..2).for_each(|_| self.null()),
        }
        self.number(*row.price);
        self.number(*row.size);
        self.field(row.side.as_str().as_bytes());
        self.field(row.trade_id.as_bytes());
    }

    fn book(&mut self, row: &BookSnapshot) {
        let levels = || row.bids().iter().chain(row.asks());
        let price_scale = levels().map(|level| level.price.normalize().scale()).max().unwrap_or(0);
        let size_scale = levels().map(|level| level.size.normalize().scale()).max().unwrap_or(0);
        self.begin();
        for time in [row.second(), row.available_at(), row.event_time(), row.received_at()] {
            self.time(time);
        }
        self.long(row.sequence() as i64);
        self.short(price_scale as i16);
        self.short(size_scale as i16);
        let flags = row.flags();
        [flags.early, flags.partial, flags.covered].into_iter().for_each(|flag| self.flag(flag));
        self.number(*row.bucket_size());
        self.maybe(row.mid_price());
        self.maybe(row.spread());
        self.number(*row.bid_volume());
        self.number(*row.ask_volume());
        for side in [row.bids(), row.asks()] {
            self.longs(side, |level| units(*level.price, price_scale));
            self.longs(side, |level| units(*level.size, size_scale));
        }
    }

    fn bucket(&mut self, book: &BookSnapshot, row: &PriceBucket) {
        self.begin();
        self.time(book.second());
        self.time(book.available_at());
        self.int(row.bid_count as i32);
        self.int(row.ask_count as i32);
        self.flag(book.flags().partial);
        for value in [row.price, *row.size, *row.bid_volume, *row.ask_volume] {
            self.number(value);
        }
        self.maybe(row.imbalance());
    }

    fn imbalances(&mut self, row: &Imbalances) {
        self.begin();
        self.time(row.second);
        self.time(row.available_at);
        for value in [row.imbalance_1s, row.imbalance_5s, row.imbalance_15s, row.imbalance_60s] {
            self.maybe(value);
        }
        let weighted = [row.volume_imbalance_1s, row.volume_imbalance_5s, row.volume_imbalance_15s];
        weighted
            .into_iter()
            .chain([row.volume_imbalance_60s, row.price_range])
            .for_each(|value| self.maybe(value));
        self.number(*row.bid_volume);
        self.number(*row.ask_volume);
    }

    fn coverage(&mut self, row: &CoverageRow) {
        self.begin();
        self.field(row.stream.as_str().as_bytes());
        self.time(row.available_at);
        self.field(row.state.as_str().as_bytes());
        self.time(row.begin);
        self.time(row.end);
        self.field(row.reason.as_bytes());
    }

    pub(crate) fn field(&mut self, bytes: &[u8]) {
        self.bytes.extend((bytes.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn null(&mut self) {
        self.bytes.extend((-1_i32).to_be_bytes());
    }

    pub(crate) fn time(&mut self, time: Timestamp) {
        self.long(time.micros() - EPOCH);
    }

    pub(crate) fn long(&mut self, value: i64) {
        self.field(&value.to_be_bytes());
    }

    fn int(&mut self, value: i32) {
        self.field(&value.to_be_bytes());
    }

    fn short(&mut self, value: i16) {
        self.field(&value.to_be_bytes());
    }

    fn flag(&mut self, value: bool) {
        self.field(&[u8::from(value)]);
    }

    fn longs(&mut self, side: &[BookLevel], value: impl Fn(&BookLevel) -> i64) {
        // Of no dimension where it is empty.
        let dimensions = i32::from(!side.is_empty());
        self.bytes.extend((12 + dimensions * 8 + 12 * side.len() as i32).to_be_bytes());
        [dimensions, 0, BIGINT].into_iter().for_each(|word| self.bytes.extend(word.to_be_bytes()));
        if dimensions > 0 {
            self.bytes.extend((side.len() as i32).to_be_bytes());
            self.bytes.extend(1_i32.to_be_bytes());
        }
        side.iter().for_each(|level| self.long(value(level)));
    }

    pub(crate) fn maybe(&mut self, value: Option<Decimal>) {
        match value {
            Some(value) => self.number(value),
            None => self.null(),
        }
    }

    /// NUMERIC: groups of four decimal digits, the decimal point between two of them.
    pub(crate) fn number(&mut self, value: Decimal) {
        let scale = value.scale();
        let padded = value.mantissa().unsigned_abs() * 10_u128.pow((4 - scale % 4) % 4);
        let mut rest = padded as u64;
        assert_eq!(u128::from(rest), padded, "values of this market have few digits");
        let (mut groups, mut count) = ([0_i16; 5], 0);
        while rest > 0 {
            groups[count] = (rest % 10_000) as i16;
            rest /= 10_000;
            count += 1;
        }
        let trailing = groups[..count].iter().take_while(|group| **group == 0).count();
        let weight = if count == 0 { 0 } else { count as i16 - scale.div_ceil(4) as i16 - 1 };
        let sign = if value.is_sign_negative() && count > 0 { 0x4000 } else { 0 };
        self.bytes.extend((8 + 2 * (count - trailing) as i32).to_be_bytes());
        for word in [(count - trailing) as i16, weight, sign, scale as i16] {
            self.bytes.extend(word.to_be_bytes());
        }
        groups[trailing..count].iter().rev().for_each(|group| self.bytes.extend(group.to_be_bytes()));
    }
}

fn units(value: Decimal, scale: u32) -> i64 {
    let value = value.normalize();
    value.mantissa() as i64 * 10_i64.pow(scale - value.scale())
}
