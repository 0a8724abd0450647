//! Which columns of a table are those of candles, and what a row of them says.

mod numbers;
mod times;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use onetape_domain::decimal::Decimal;
use onetape_domain::validator::UncheckedCandle;
use onetape_domain::violation::Violations;
use onetape_ports::LegacyRow;

pub use self::times::NumberUnit;

use self::numbers::Numbers;
use self::times::Times;

/// Names of the time at which a candle opens, as found in caches; those of an index without a name come last.
const TIMES: &[&str] = &["open_time", "opentime", "timestamp", "time", "datetime", "date", "ts", "t"];
const INDEXES: &[&str] = &["index", "__index_level_0__"];
/// Names of what a candle holds.
const VALUES: [(&str, &[&str]); 5] = [
    ("open", &["open", "o", "open_price"]),
    ("high", &["high", "h", "high_price"]),
    ("low", &["low", "l", "low_price"]),
    ("close", &["close", "c", "close_price"]),
    ("volume", &["volume", "v", "vol", "base_volume"]),
];
const COUNTS: &[&str] = &["trade_count", "trades", "count", "number_of_trades", "num_trades", "n"];
const TAKERS: &[&str] = &[
    "taker_buy_volume",
    "taker_buy_base",
    "taker_buy_base_volume",
    "taker_buy_base_asset_volume",
    "taker_base_vol",
];
/// Names in tables of trades.
const PRICES: &[&str] = &["price", "p", "trade_price"];
const AMOUNTS: &[&str] = &["amount", "qty", "quantity", "size", "q", "volume", "trade_size"];
/// Columns of a list of lists as CCXT gives it, and of the twelve of Binance, whose ninth counts trades and whose tenth is
/// what takers bought.
const POSITIONS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];
const BINANCE_WIDTH: usize = 12;
const BINANCE_COUNT: usize = 8;
const BINANCE_TAKER: usize = 9;

/// The places of a candle's columns in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandleLayout {
    time: usize,
    /// Open, high, low, close, volume.
    values: [usize; 5],
    taker_buy_volume: Option<usize>,
    trade_count: Option<usize>,
    ignored: Vec<String>,
}

impl CandleLayout {
    /// Finds the columns of candles by their names, whatever their case. `time` names the column of opening times where
    /// the names alone do not tell.
    ///
    /// # Errors
    /// Every column that is missing or there twice, and times of a type that is none; of tables of trades and of order books,
    /// that they are these.
    pub fn of(schema: &Schema, time: Option<&str>) -> Result<Self, Violations> {
        let names: Vec<String> = schema.fields().iter().map(|field| plain_name(field.name())).collect();
        let mut violations = Violations::default();
        let is_positional = names.len() >= POSITIONS.len()
            && names.iter().enumerate().all(|(at, name)| *name == at.to_string());
        let mut one = |what: &str, candidates: &[&str]| -> Option<usize> {
            let found: Vec<usize> =
                (0..names.len()).filter(|at| candidates.contains(&names[*at].as_str())).collect();
            match found.as_slice() {
                [at] => return Some(*at),
                [] => violations.push(what, names.join(", "), "has no column among these"),
                _ => {
                    let found: Vec<&str> = found.iter().map(|at| names[*at].as_str()).collect();
                    violations.push(
                        what,
                        found.join(", "),
                        "has more than one column: name the one that counts",
                    );
                }
            }
            None
        };
        let given = time.map(plain_name);
        let (time, values, trade_count, taker_buy_volume) = if is_positional && given.is_none() {
            let place = |at: usize| one(VALUES[at].0, &[POSITIONS[at + 1]]);
            let is_binance = names.len() == BINANCE_WIDTH;
            let of_binance = |place| is_binance.then_some(place);
            (Some(0), [0, 1, 2, 3, 4].map(place), of_binance(BINANCE_COUNT), of_binance(BINANCE_TAKER))
        } else {
            let is_there = |candidates: &[&str]| names.iter().any(|name| candidates.contains(&name.as_str()));
            let time = match &given {
                Some(given) => one("time", &[given.as_str()]),
                None if is_there(TIMES) => one("time", TIMES),
                None => one("time", INDEXES),
            };
            let values = VALUES.map(|(what, candidates)| one(what, candidates));
            let mut optional =
                |what, candidates| if is_there(candidates) { one(what, candidates) } else { None };
            let (count, taker) = (optional("trade_count", COUNTS), optional("taker_buy_volume", TAKERS));
            (time, values, count, taker)
        };
        if let Some(at) = time
            && !times::can_be_times(schema.field(at).data_type())
        {
            let data_type = schema.field(at).data_type();
            violations.push(
                "time",
                format!("{} of type {data_type}", names[at]),
                "must be times, whole numbers or text",
            );
        }
        let [Some(open), Some(high), Some(low), Some(close), Some(volume)] = values else {
            return Err(of_another_kind(&names).unwrap_or(violations));
        };
        let (Some(time), true) = (time, violations.0.is_empty()) else { return Err(violations) };
        let values = [open, high, low, close, volume];
        let is_used = |at: usize| {
            at == time || values.contains(&at) || [trade_count, taker_buy_volume].contains(&Some(at))
        };
        let ignored =
            (0..names.len()).filter(|at| !is_used(*at)).map(|at| schema.field(at).name().clone()).collect();
        Ok(Self { time, values, taker_buy_volume, trade_count, ignored })
    }

    /// Columns that say nothing of candles.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Place of the opening times.
    pub(crate) fn time(&self) -> usize {
        self.time
    }

    /// Places of open, high, low, close and volume.
    pub(crate) fn values(&self) -> [usize; 5] {
        self.values
    }

    /// Place of the number of trades.
    pub(crate) fn trade_count(&self) -> Option<usize> {
        self.trade_count
    }

    /// Place of the volume of takers that bought.
    pub(crate) fn taker_buy_volume(&self) -> Option<usize> {
        self.taker_buy_volume
    }

    /// Places of the columns that are read, in the order of the table.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self
            .values
            .into_iter()
            .chain([self.time])
            .chain(self.trade_count)
            .chain(self.taker_buy_volume)
            .collect();
        columns.sort_unstable();
        columns
    }

    /// The same layout in a table that has only the columns that are read.
    #[must_use]
    pub fn projected(&self) -> Self {
        let columns = self.columns();
        let place = |at: usize| columns.iter().position(|column| *column == at).unwrap_or(at);
        Self {
            time: place(self.time),
            values: self.values.map(place),
            taker_buy_volume: self.taker_buy_volume.map(place),
            trade_count: self.trade_count.map(place),
            ignored: Vec::new(),
        }
    }

    /// Whether a time says what it is, whatever stands in the rows before.
    pub(crate) fn has_typed_times(&self, schema: &Schema) -> bool {
        times::says_its_unit(schema.field(self.time).data_type())
    }

    /// The unit of times that are numbers, where the rows of a batch tell it.
    pub(crate) fn unit(&self, batch: &RecordBatch) -> Option<NumberUnit> {
        let (times, mut unit) = (Times::of(batch.column(self.time)), None);
        (0..batch.num_rows()).find_map(|row| {
            let _ = times.get(row, &mut unit);
            unit
        })
    }

    /// What the rows of a batch say. `unit` is that of times that are numbers, in all batches of a table: the first
    /// number tells it. Floats are rounded to some decimals, half to even, where that is asked for.
    pub fn rows(
        &self,
        batch: &RecordBatch,
        first: u64,
        rounding: Option<u8>,
        unit: &mut Option<NumberUnit>,
    ) -> Vec<LegacyRow> {
        let numbers = |column: usize| (Numbers::of(batch.column(column), rounding), 0);
        let mut columns = Columns {
            times: Times::of(batch.column(self.time)),
            values: self.values.map(numbers),
            taker_buy_volume: self.taker_buy_volume.map(numbers),
            trade_count: self.trade_count.map(|column| Numbers::of(batch.column(column), None)),
        };
        (0..batch.num_rows()).map(|row| columns.row(row, first + row as u64, unit)).collect()
    }
}

/// The columns of candles in a batch; of numbers also how many decimals the last one had.
struct Columns {
    times: Times,
    values: [(Numbers, usize); 5],
    taker_buy_volume: Option<(Numbers, usize)>,
    trade_count: Option<Numbers>,
}

impl Columns {
    #[inline]
    fn row(&mut self, row: usize, number: u64, unit: &mut Option<NumberUnit>) -> LegacyRow {
        let mut violations = Violations::default();
        let mut keep = |number: Result<Decimal, Violations>| {
            number.unwrap_or_else(|broken| {
                violations.0.extend(broken.0);
                Decimal::ZERO
            })
        };
        let [open, high, low, close, volume] = &mut self.values;
        let mut value = |field, (column, scale): &mut (Numbers, usize)| keep(column.get(field, row, scale));
        let (open, high) = (value("candle.open", open), value("candle.high", high));
        let (low, close) = (value("candle.low", low), value("candle.close", close));
        let volume = value("candle.volume", volume);
        let taker_buy_volume = match &mut self.taker_buy_volume {
            Some(column) if !column.0.is_nothing(row) => Some(value("candle.taker_buy_volume", column)),
            _ => None,
        };
        let trade_count = match &self.trade_count {
            Some(column) if !column.is_nothing(row) => count(column, row).map(Some),
            _ => Ok(None),
        };
        let open_time = self.times.get(row, unit);
        let known = open_time.as_ref().ok().copied();
        let candle = match (open_time, trade_count) {
            (Ok(open_time), Ok(trade_count)) if violations.0.is_empty() => Ok(UncheckedCandle {
                open_time,
                open,
                high,
                low,
                close,
                volume,
                taker_buy_volume,
                trade_count,
            }),
            (open_time, trade_count) => {
                let broken = open_time.err().into_iter().chain(trade_count.err());
                violations.0.extend(broken.flat_map(|broken| broken.0));
                Err(violations)
            }
        };
        LegacyRow { number, open_time: known, candle }
    }
}

/// A number of trades.
fn count(column: &Numbers, row: usize) -> Result<u64, Violations> {
    const FIELD: &str = "candle.trade_count";
    let value = column.get(FIELD, row, &mut 0)?.normalize();
    let whole = (value.scale() == 0).then(|| u64::try_from(value.mantissa()).ok()).flatten();
    whole.ok_or_else(|| Violations::one(FIELD, value, "must be a whole number"))
}

/// What a table holds that has no prices of candles, where its columns are those of trades or of order books.
fn of_another_kind(names: &[String]) -> Option<Violations> {
    let has = |candidates: &[&str]| names.iter().any(|name| candidates.contains(&name.as_str()));
    if VALUES[..4].iter().any(|(_, candidates)| has(candidates)) {
        return None;
    }
    let begins = |side: &str| names.iter().any(|name| name.starts_with(side));
    let reason = if begins("bid") && begins("ask") {
        "holds order books; only candles are taken over"
    } else if has(PRICES) && has(AMOUNTS) {
        "holds trades; only candles are taken over"
    } else {
        return None;
    };
    Some(Violations::one("table", names.join(", "), reason))
}

/// A name without what differs between writers: case, spaces for underscores, and spaces around it.
fn plain_name(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Whether a name is one of those that columns of candles have.
pub(crate) fn is_known_name(name: &str) -> bool {
    let name = plain_name(name);
    let values = VALUES.iter().flat_map(|(_, names)| names.iter());
    let others = PRICES.iter().chain(AMOUNTS);
    TIMES.iter().chain(values).chain(COUNTS).chain(TAKERS).chain(others).any(|known| **known == *name)
}
