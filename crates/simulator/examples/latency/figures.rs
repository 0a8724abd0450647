//! Times, and how they are spread.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use onetape::memory::SystemClock;
use onetape::ports::WallClock as _;

/// Syncs that make the floor.
const SYNCS: usize = 1_000;
/// Bytes of each: what some ten messages take in a journal.
const RECORD: [u8; 700] = [7; 700];

/// Times in microseconds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Figures(Vec<i64>);

impl Figures {
    pub(crate) fn add(&mut self, micros: i64) {
        self.0.push(micros);
    }

    pub(crate) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |per_mille: usize| {
            let place = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
            sorted.get(place).copied().unwrap_or_default() as f64 / 1e3
        };
        write!(f, "{:.3} ms | {:.3} ms | {:.3} ms | {:.3} ms", at(500), at(990), at(999), at(1_000))
    }
}

/// How long the disk of a folder takes for a record, one after the other.
pub(crate) fn syncs(folder: &Path) -> Result<Figures> {
    fs::create_dir_all(folder)?;
    let path = folder.join("syncs");
    let mut file = File::create(&path)?;
    let clock = SystemClock::default();
    let mut figures = Figures::default();
    for _ in 0..SYNCS {
        let begun = clock.monotonic_micros();
        file.write_all(&RECORD)?;
        file.sync_data()?;
        figures.add(clock.monotonic_micros() - begun);
    }
    fs::remove_file(path)?;
    Ok(figures)
}
