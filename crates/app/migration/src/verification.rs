//! What a comparison of files and store came to.

use std::fmt;

use onetape_domain::imported::ImportId;
use onetape_domain::instrument::Instrument;
use onetape_domain::manifest::RunId;
use onetape_domain::time::{TimeRange, Timeframe, Timestamp};
use onetape_domain::violation::Violations;
use serde::Serialize;

use crate::survey::Survey;

/// Differences that are kept of a comparison; all are counted.
pub const MAX_DIFFERENCES: usize = 100;

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The run.
    pub run: RunId,
    /// Rows that were read of its files.
    pub rows: u64,
    /// What the store has, by instrument and timeframe.
    pub candles: Vec<CandlesCheck>,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many there are; 0 where files and store say the same.
    pub count: u64,
}

/// What the store has of an instrument and a timeframe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CandlesCheck {
    /// Whose candles.
    pub instrument: Instrument,
    /// Their period.
    pub timeframe: Timeframe,
    /// Imports that they are.
    pub parts: u64,
    /// Coarser candles that the store rolled up from them, all compared with what these come to.
    pub rolled_up: u64,
    /// What stands out.
    pub survey: Survey,
}

/// Something that is not the same in files and store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Difference {
    /// A table is not what it was, or cannot be read any more.
    Table {
        /// Its file.
        path: String,
        /// Names of the table inside, joined by `/`.
        name: String,
        /// In what.
        reason: String,
    },
    /// A candle is not in the store.
    Missing {
        /// Its file.
        path: String,
        /// Names of the table inside.
        name: String,
        /// Its row, from 0 on.
        row: u64,
        /// When it opens.
        open_time: Timestamp,
    },
    /// A candle has other values in the store.
    Values {
        /// Its file.
        path: String,
        /// Names of the table inside.
        name: String,
        /// Its row, from 0 on.
        row: u64,
        /// When it opens.
        open_time: Timestamp,
        /// The fields: the value is the file's, the reason says the store's.
        fields: Violations,
    },
    /// The store says more of a candle than any row does.
    Unsaid {
        /// Whose candle.
        instrument: Instrument,
        /// Its period.
        timeframe: Timeframe,
        /// When it opens.
        open_time: Timestamp,
    },
    /// The store has a candle that no file has.
    Extra {
        /// The import.
        import: ImportId,
        /// When it opens.
        open_time: Timestamp,
    },
    /// An import is not there, or speaks of something else.
    Part {
        /// The import.
        import: ImportId,
        /// What it should speak of.
        planned: TimeRange,
        /// What it speaks of.
        stored: Option<TimeRange>,
    },
    /// A coarser candle that the store rolled up is not what the candles of the import come to.
    RollUp {
        /// The import.
        import: ImportId,
        /// The coarser timeframe.
        timeframe: Timeframe,
        /// When it opens.
        open_time: Timestamp,
        /// In what.
        #[serde(flatten)]
        fault: RollUpFault,
    },
    /// The store has another number of candles than was recorded.
    Count {
        /// Whose candles.
        instrument: Instrument,
        /// Their period.
        timeframe: Timeframe,
        /// As recorded when they were taken in.
        recorded: u64,
        /// As they are.
        stored: u64,
    },
}

/// What is wrong with a candle that was rolled up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum RollUpFault {
    /// The store does not have it.
    Missing,
    /// The store has it, and the import speaks of no such period as a whole or has no candle in it.
    Extra,
    /// It has other values.
    Values {
        /// The fields: the value is the store's, the reason says what they come to.
        fields: Violations,
    },
}

impl Verification {
    /// Whether files and store say the same.
    pub fn is_equal(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |path: &str, name: &str| {
            if name.is_empty() { path.to_owned() } else { format!("{path} {name}") }
        };
        match self {
            Self::Table { path, name, reason } => write!(f, "{}: {reason}", at(path, name)),
            Self::Missing { path, name, row, open_time } => {
                write!(f, "{} row {row}: the candle at {open_time} is not in the store", at(path, name))
            }
            Self::Values { path, name, row, open_time, fields } => {
                write!(f, "{} row {row}, {open_time}:", at(path, name))?;
                for (i, field) in fields.0.iter().enumerate() {
                    let (comma, stored) =
                        (if i == 0 { "" } else { ";" }, field.reason.strip_suffix(" in the row that counts"));
                    let stored = stored.unwrap_or(&field.reason);
                    write!(
                        f,
                        "{comma} {} is {} in the file and {stored} in the store",
                        field.field, field.value
                    )?;
                }
                Ok(())
            }
            Self::Unsaid { instrument, timeframe, open_time } => {
                write!(
                    f,
                    "{instrument} {timeframe}: of the candle at {open_time} the store says more than any row"
                )
            }
            Self::Extra { import, open_time } => {
                write!(f, "{import}: the store has a candle at {open_time} that no file has")
            }
            Self::Part { import, planned, stored: None } => {
                write!(f, "{import}, {} to {}, is not in the store", planned.start(), planned.end())
            }
            Self::Part { import, planned, stored: Some(stored) } => write!(
                f,
                "{import} speaks of {} to {}, and should of {} to {}",
                stored.start(),
                stored.end(),
                planned.start(),
                planned.end()
            ),
            Self::RollUp { import, timeframe, open_time, fault } => {
                write!(f, "{import}: the {timeframe} candle at {open_time}, rolled up,")?;
                match fault {
                    RollUpFault::Missing => write!(f, " is not in the store"),
                    RollUpFault::Extra => write!(f, " is in the store, and nothing comes to it"),
                    RollUpFault::Values { fields } => {
                        for (i, field) in fields.0.iter().enumerate() {
                            let comma = if i == 0 { "" } else { ";" };
                            let own = field.reason.strip_suffix(" in the row that counts");
                            let own = own.unwrap_or(&field.reason).trim_start_matches("is ");
                            write!(
                                f,
                                "{comma} says {} of {} and should say {own}",
                                field.value, field.field
                            )?;
                        }
                        Ok(())
                    }
                }
            }
            Self::Count { instrument, timeframe, recorded, stored } => write!(
                f,
                "{instrument} {timeframe}: {recorded} candles were taken in, and {stored} are in the store"
            ),
        }
    }
}
