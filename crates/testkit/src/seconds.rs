//! Old seconds to be taken over, as many as are wanted, in the memory of a batch.

use onetape_domain::decimal::{Price, Quantity};
use onetape_domain::imported::{ImportId, ImportedCandle, ImportedValues, NewImport, Source};
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::{ColumnSums, Decision, NewRun, PlannedPart, PlannedTable, RunId};
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use onetape_ports::{ImportBatch, OnConflict, SourcedCandle};
use rust_decimal::Decimal;

/// Seconds of one instrument, each with a candle: one file, one run, one part.
#[derive(Debug, Clone)]
pub struct Seconds {
    /// The first one.
    pub first: Timestamp,
    /// How many there are.
    pub count: u64,
}

impl Seconds {
    /// What its candles become.
    ///
    /// # Errors
    /// None: the names are valid.
    pub fn import(&self) -> Result<NewImport, Violations> {
        Ok(NewImport {
            id: ImportId::try_new("legacy/1")?,
            instrument: Instrument::try_new("binance", "ETH/USDT")?,
            source: Source::try_new("legacy")?,
            timeframe: Timeframe::S1,
        })
    }

    /// What it speaks of.
    ///
    /// # Errors
    /// Where it would reach beyond the instants there are.
    pub fn covered(&self) -> Result<TimeRange, Violations> {
        TimeRange::try_new(self.first, self.open_time(self.count))
    }

    /// Start of a second.
    pub fn open_time(&self, number: u64) -> Timestamp {
        self.first.plus(number.cast_signed() * SECOND)
    }

    /// The run as it is planned.
    ///
    /// # Errors
    /// As [`covered`](Self::covered).
    pub fn run(&self) -> Result<NewRun, Violations> {
        let NewImport { id, instrument, source, timeframe } = self.import()?;
        let table = PlannedTable {
            path: "ETHUSDT_1s.parquet".to_owned(),
            name: String::new(),
            format: "parquet".to_owned(),
            bytes: 0,
            sha256: String::new(),
            rows: self.count,
            decision: Decision::Take { instrument: instrument.clone(), timeframe },
        };
        let (origin, settings) = ("/data".to_owned(), "{}".to_owned());
        let parts = vec![PlannedPart { id, instrument, timeframe, covered: self.covered()? }];
        Ok(NewRun { id: RunId::try_new("legacy")?, origin, source, settings, tables: vec![table], parts })
    }

    /// A candle by its number; prices move as prices do.
    ///
    /// # Errors
    /// As [`covered`](Self::covered).
    pub fn candle(&self, number: u64) -> Result<ImportedCandle, Violations> {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let base = 2_500_000 + (number / 600 * 7_919) % 400_000;
        let decimal = |units: u64, scale| Decimal::new(units.cast_signed(), scale);
        let price = |part: u64| Price::try_new("candle.price", decimal(base + part % 200, 3));
        let (open, close) = (price(mixed)?, price(mixed >> 8)?);
        let values = ImportedValues {
            open,
            high: open.max(close),
            low: open.min(close),
            close,
            volume: Quantity::try_new("candle.volume", decimal(mixed >> 16 & 0xf_ffff, 5))?,
            taker_buy_volume: None,
            trade_count: Some(mixed >> 40 & 0xff),
        };
        ImportedCandle::try_new(Timeframe::S1, self.open_time(number), values)
    }

    /// All of it in batches of so many rows.
    ///
    /// # Errors
    /// As [`covered`](Self::covered).
    pub fn batches(&self, rows: u64) -> impl Iterator<Item = Result<ImportBatch, Violations>> {
        let mut sums = ColumnSums::default();
        let starts = (0..self.count.div_ceil(rows.max(1))).map(move |part| part * rows);
        starts.map(move |from_row| {
            let to_row = self.count.min(from_row + rows);
            let mut candles = Vec::with_capacity(usize::try_from(to_row - from_row).unwrap_or(0));
            for row in from_row..to_row {
                let candle = self.candle(row)?;
                sums.add(&candle);
                candles.push(SourcedCandle { row, candle });
            }
            Ok(ImportBatch {
                run: RunId::try_new("legacy")?,
                table: 0,
                from_row,
                to_row,
                candles: vec![(self.import()?.id, candles)],
                refused: Vec::new(),
                on_conflict: OnConflict::Refuse,
                sums,
                times: Some((self.first, self.open_time(to_row - 1))),
                is_last: to_row == self.count,
            })
        })
    }
}
