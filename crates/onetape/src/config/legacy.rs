//! The settings of the files of an older system.

use std::time::Duration;

use onetape_domain::time::Timeframe;

use super::keys::Key;
use super::values::{period, shown};

pub(super) const FOLDER: Key = Key {
    name: "legacy.folder",
    about: "Folder of the old system's Parquet files, which `onetape collect` and `onetape replay` write on: each closed candle \
            goes there too, into SYMBOL_TIMEFRAME.parquet. A path that is not absolute is looked for from the folder of this file",
    example: Some("legacy_cache"),
    set: |values, text| {
        values.legacy.folder = Some(text.into());
        Ok(())
    },
    show: |values| values.legacy.folder.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
};

pub(super) const TIMEFRAMES: Key = Key {
    name: "legacy.timeframes",
    about: "Which candles go there, divided by commas",
    example: None,
    set: |values, text| {
        values.legacy.timeframes = timeframes(text)?;
        Ok(())
    },
    show: |values| values.legacy.timeframes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
};

pub(super) const INTERVAL: Key = Key {
    name: "legacy.interval",
    about: "How often new candles go there; a file is written anew each time, and one of n MiB at most every n seconds",
    example: None,
    set: |values, text| {
        values.legacy.interval = period(text, Duration::from_secs(1))?;
        Ok(())
    },
    show: |values| shown(values.legacy.interval),
};

fn timeframes(text: &str) -> Result<Vec<Timeframe>, String> {
    let names = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
    let read = |name: &str| {
        name.parse()
            .map_err(|error: onetape_domain::violation::Violations| format!("holds `{name}`: {error}"))
    };
    let timeframes = names.map(read).collect::<Result<Vec<Timeframe>, _>>()?;
    if timeframes.is_empty() { Err("must name at least one timeframe".to_owned()) } else { Ok(timeframes) }
}
