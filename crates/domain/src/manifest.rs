//! The record of taking candles over from an older system: which tables of which files, what was decided about each,
//! how far it is, and which rows were refused.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::imported::{ImportId, ImportedCandle, MAX_ID_BYTES, NewImport, Source};
use crate::instrument::{Instrument, as_text, named};
use crate::time::{TimeRange, Timeframe, Timestamp};
use crate::violation::Violations;

/// Most refused rows of one table that are kept; all are counted.
pub const MAX_REFUSED_ROWS: u64 = 10_000;
/// Most tables of a run.
pub const MAX_TABLES: usize = 100_000;
/// Most parts of a run.
pub const MAX_PARTS: usize = 100_000;

/// Names one run of an import in a store: what is planned, done, verified and removed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// Validates a name: 1 to 64 of `a-z A-Z 0-9 _ - .`. Ids of imports begin with it, and a sign and a number follow.
    ///
    /// # Errors
    /// A violation naming the rule.
    pub fn try_new(id: &str) -> Result<Self, Violations> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if id.is_empty() || id.len() > MAX_ID_BYTES / 2 || !id.bytes().all(allowed) {
            return Err(Violations::one("import.run", id, "must be 1 to 64 of a-z A-Z 0-9 _ - ."));
        }
        Ok(Self(id.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

named!(RunId);
as_text!(RunId);

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It was begun. Candles may be in the store; of parts that are finished, readers see them.
    Running,
    /// Every table was read to its end, and every part is finished.
    Finished,
    /// Its candles are being removed; nothing is taken in any more.
    Removing,
    /// None of its candles is in the store.
    Removed,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Running, Self::Finished, Self::Removing, Self::Removed];

    /// Its name in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Removing => "removing",
            Self::Removed => "removed",
        }
    }

    /// The state of a name.
    ///
    /// # Errors
    /// A violation for a name that none has.
    pub fn parse(name: &str) -> Result<Self, Violations> {
        known("import.state", &Self::ALL, Self::as_str, name)
    }

    /// Whether a run may go from this state to another: forward, and to be removed from any but the last.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Running, Self::Finished | Self::Removing)
                | (Self::Finished, Self::Removing)
                | (Self::Removing, Self::Removed)
        )
    }
}

/// A run as it is planned. Nothing in it changes afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// Its name.
    pub id: RunId,
    /// The folder that the tables are in, as the user named it.
    pub origin: String,
    /// What the candles' source is called.
    pub source: Source,
    /// Everything that was chosen and decides the outcome, as canonical JSON.
    pub settings: String,
    /// Its tables, those that count first: of two rows of one candle the policy tells them apart by this order.
    pub tables: Vec<PlannedTable>,
    /// What the tables that are taken in become, by instrument, timeframe and time; no two overlap.
    pub parts: Vec<PlannedPart>,
}

/// A table of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTable {
    /// The file, from the folder on, with `/`.
    pub path: String,
    /// Names of the table inside the file, joined by `/`; empty where the file is the table.
    pub name: String,
    /// What kind of file it is: `parquet`, `pickle`, `csv`, `json`, `feather`; empty where that is not known.
    pub format: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, 64 hexadecimal digits; empty where it could not be read.
    pub sha256: String,
    /// Rows of the table; 0 where it could not be read.
    pub rows: u64,
    /// What becomes of it.
    pub decision: Decision,
}

/// What becomes of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Its candles are taken in.
    Take {
        /// Whose candles.
        instrument: Instrument,
        /// Their period.
        timeframe: Timeframe,
    },
    /// It is left where it is.
    Leave {
        /// What kind of reason.
        why: Left,
        /// The reason, for people.
        reason: String,
    },
}

/// Why a table is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The user said so.
    Excluded,
    /// It holds something else.
    NotCandles,
    /// Instrument or timeframe cannot be told from its name.
    Ambiguous,
    /// The file cannot be read: permission, a failing disk.
    Unreadable,
    /// The file ends early, or contradicts itself.
    Damaged,
    /// The file names code that may not be run.
    Refused,
    /// Reading it would take more than a limit allows.
    Limit,
    /// It is of a form that is not read.
    Unsupported,
}

impl Left {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Excluded,
        Self::NotCandles,
        Self::Ambiguous,
        Self::Unreadable,
        Self::Damaged,
        Self::Refused,
        Self::Limit,
        Self::Unsupported,
    ];

    /// Its name in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::NotCandles => "not_candles",
            Self::Ambiguous => "ambiguous",
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
            Self::Refused => "refused",
            Self::Limit => "limit",
            Self::Unsupported => "unsupported",
        }
    }

    /// The reason of a name.
    ///
    /// # Errors
    /// A violation for a name that none has.
    pub fn parse(name: &str) -> Result<Self, Violations> {
        known("import.decision", &Self::ALL, Self::as_str, name)
    }
}

/// Candles of one instrument and timeframe over a stretch of time without a hole: an import of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPart {
    /// The import's id.
    pub id: ImportId,
    /// Whose candles.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
    /// What it speaks of; a period in it without a candle had no trade.
    pub covered: TimeRange,
}

impl PlannedPart {
    /// The import that it becomes.
    pub fn to_import(&self, source: &Source) -> NewImport {
        let Self { id, instrument, timeframe, covered: _ } = self.clone();
        NewImport { id, instrument, source: source.clone(), timeframe }
    }
}

/// How far a table is. Counts are exact whatever was interrupted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProgress {
    /// Rows of the table that are dealt with: those before this place.
    pub rows_read: u64,
    /// Of them, candles that were not there.
    pub new: u64,
    /// Candles that were there already, equal in every value that they say.
    pub same: u64,
    /// Candles that were there already with other values.
    pub conflicting: u64,
    /// Rows that are no candle.
    pub invalid: u64,
    /// Least open time of its candles.
    pub first: Option<Timestamp>,
    /// Greatest open time.
    pub last: Option<Timestamp>,
    /// Sums over its candles.
    pub sums: ColumnSums,
    /// Whether it was read to its end.
    pub is_done: bool,
}

/// A checksum of each column of candles, in whatever order they come: of each value a hash with its open time, summed up. Those
/// recorded before a column was summed have 0 there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>")]
pub struct ColumnSums(pub [u64; ColumnSums::COLUMNS.len()]);

impl ColumnSums {
    /// The columns, in order.
    pub const COLUMNS: [&'static str; 8] =
        ["open_time", "open", "high", "low", "close", "volume", "trade_count", "taker_buy_volume"];

    /// Adds a candle.
    pub fn add(&mut self, candle: &ImportedCandle) {
        let time = candle.open_time().micros().cast_unsigned();
        let ohlcv = candle.ohlcv();
        let hash = |value: Decimal| {
            let value = value.normalize();
            let mantissa = value.mantissa().cast_unsigned();
            let (low, high) = (mantissa as u64, (mantissa >> 64) as u64);
            mixed(mixed(mixed(time, low), high), u64::from(value.scale()))
        };
        let [open, high, low, close] =
            [ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close].map(|price| hash(price.get()));
        let count = ohlcv.trade_count.map_or(u64::MAX, |count| mixed(time, count));
        let taker = ohlcv.taker_buy_volume.map_or(0, |volume| hash(volume.get()));
        let values = [mixed(0, time), open, high, low, close, hash(ohlcv.volume.get()), count, taker];
        for (sum, value) in self.0.iter_mut().zip(values) {
            *sum = sum.wrapping_add(value);
        }
    }
}

impl TryFrom<Vec<u64>> for ColumnSums {
    type Error = Violations;

    fn try_from(mut sums: Vec<u64>) -> Result<Self, Violations> {
        sums.resize(sums.len().max(Self::COLUMNS.len()), 0);
        let sums = sums.try_into().map_err(|sums: Vec<u64>| {
            Violations::one("import.sums", sums.len(), format!("must be at most {}", Self::COLUMNS.len()))
        })?;
        Ok(Self(sums))
    }
}

/// The finalizer of SplitMix64 over both.
fn mixed(state: u64, value: u64) -> u64 {
    let z = (state.rotate_left(32) ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A run with what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What was planned.
    pub run: NewRun,
    /// How far it is.
    pub state: RunState,
    /// When it was begun, by the clock of who did.
    pub begun_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
    /// How far each table is, in the order of the tables.
    pub progress: Vec<TableProgress>,
}

/// A row that did not become a candle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// Position of its table in the run.
    pub table: u32,
    /// Its place in the table, from 0 on.
    pub row: u64,
    /// What kind of reason.
    pub why: RowRefusal,
    /// Each reason with field and value.
    pub reasons: Violations,
}

/// Why a row did not become a candle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowRefusal {
    /// It breaks the rules of candles.
    Invalid,
    /// Another row says something else of its candle, and that one counts.
    Outvoted,
}

impl RowRefusal {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Invalid, Self::Outvoted];

    /// The kind of a name.
    ///
    /// # Errors
    /// A violation for a name that none has.
    pub fn parse(name: &str) -> Result<Self, Violations> {
        known("import.refusal", &Self::ALL, Self::as_str, name)
    }

    /// Its name in a store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Outvoted => "outvoted",
        }
    }
}

/// The value of a name in a store.
pub(crate) fn known<T: Copy>(
    field: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
    name: &str,
) -> Result<T, Violations> {
    let found = all.iter().copied().find(|value| name_of(*value) == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|value| name_of(*value)).collect();
        Violations::one(field, name, format!("must be one of {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::{Price, Quantity};
    use crate::imported::ImportedValues;

    fn values(close: &str, volume: &str, trade_count: Option<u64>) -> ImportedValues {
        let price = |text| Price::parse("price", text).expect("a price");
        ImportedValues {
            open: price("1.5"),
            high: price("3"),
            low: price("1"),
            close: price(close),
            volume: Quantity::parse("volume", volume).expect("a quantity"),
            taker_buy_volume: None,
            trade_count,
        }
    }

    fn candle(minute: i64, close: &str, volume: &str, trade_count: Option<u64>) -> ImportedCandle {
        let open_time = Timestamp::try_from_micros("time", 1_723_161_600_000_000 + minute * 60_000_000);
        let values = values(close, volume, trade_count);
        ImportedCandle::try_new(Timeframe::M1, open_time.expect("a time"), values).expect("a candle")
    }

    fn sums(candles: &[ImportedCandle]) -> ColumnSums {
        let mut sums = ColumnSums::default();
        candles.iter().for_each(|candle| sums.add(candle));
        sums
    }

    #[test]
    fn sums_depend_on_values_and_not_on_their_order_or_zeros() {
        let (a, b) = (candle(0, "2", "7.50", None), candle(1, "1.25", "0", Some(3)));
        assert_eq!(sums(&[a, b]), sums(&[b, a]));
        assert_eq!(sums(&[a]), sums(&[candle(0, "2.0", "7.5", None)]));
        let differing = |other: ImportedCandle| -> Vec<&str> {
            let (ours, theirs) = (sums(&[a, b]).0, sums(&[other, b]).0);
            let columns = ColumnSums::COLUMNS.iter().zip(ours.iter().zip(theirs));
            columns.filter(|(_, (ours, theirs))| **ours != *theirs).map(|(name, _)| *name).collect()
        };
        assert_eq!(differing(candle(0, "2.1", "7.5", None)), ["close"]);
        assert_eq!(differing(candle(0, "2", "75", None)), ["volume"]);
        assert_eq!(differing(candle(0, "2", "7.5", Some(0))), ["trade_count"]);
        assert_eq!(differing(candle(2, "2", "7.5", None)).len(), 6, "every value moves with its time");
        let taken = |volume| {
            let values = ImportedValues { taker_buy_volume: Some(volume), ..values("2", "7.5", None) };
            ImportedCandle::try_new(Timeframe::M1, a.open_time(), values).expect("a candle")
        };
        assert_eq!(differing(taken(Quantity::ZERO)), ["taker_buy_volume"]);
        assert_eq!(
            differing(taken(Quantity::parse("volume", "7").expect("a quantity"))),
            ["taker_buy_volume"]
        );
    }

    #[test]
    fn sums_of_fewer_columns_are_read() {
        let read = |text: &str| serde_json::from_str::<ColumnSums>(text).map_err(|error| error.to_string());
        assert_eq!(
            read("[1,2,3,4,5,6,18446744073709551615]"),
            Ok(ColumnSums([1, 2, 3, 4, 5, 6, u64::MAX, 0]))
        );
        let all = ColumnSums([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(read(&serde_json::to_string(&all).expect("text")), Ok(all));
        assert!(read("[1,2,3,4,5,6,7,8,9]").is_err_and(|error| error.contains("at most 8")));
    }

    #[test]
    fn a_run_goes_forward_only() {
        let allowed: Vec<(RunState, RunState)> = RunState::ALL
            .into_iter()
            .flat_map(|from| RunState::ALL.map(|to| (from, to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        use RunState::{Finished, Removed, Removing, Running};
        assert_eq!(
            allowed,
            [(Running, Finished), (Running, Removing), (Finished, Removing), (Removing, Removed)]
        );
    }

    #[test]
    fn what_is_stored_by_name_is_found_by_it() {
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.as_str()), Ok(state));
        }
        for why in Left::ALL {
            assert_eq!(Left::parse(why.as_str()), Ok(why));
            // As in JSON.
            assert_eq!(serde_json::to_string(&why).ok(), Some(format!("\"{}\"", why.as_str())));
        }
        for why in RowRefusal::ALL {
            assert_eq!(RowRefusal::parse(why.as_str()), Ok(why));
        }
        assert!(RunState::parse("begun").is_err_and(|error| error.to_string().contains("running, finished")));
    }

    #[test]
    fn names_of_runs_have_rules() {
        let long = "x".repeat(65);
        for name in ["", "a b", "a/b", "ü", long.as_str()] {
            assert!(RunId::try_new(name).is_err(), "{name}");
        }
        assert_eq!(RunId::try_new("legacy-2026.1").map(|id| id.to_string()), Ok("legacy-2026.1".to_owned()));
    }
}
