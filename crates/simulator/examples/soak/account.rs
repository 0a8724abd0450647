//! What a run did, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use onetape_simulator::Report;

use crate::check::Found;

/// Says a count to the process that reads this one's output; the last one of a kind holds.
pub(crate) fn tell(what: &str, count: u64) {
    println!("count {what} {count}");
}

/// Reads what [`tell`] wrote.
pub(crate) fn hear(line: &str, counts: &mut BTreeMap<String, u64>) {
    let mut words = line.split(' ');
    if let (Some("count"), Some(what), Some(count)) = (words.next(), words.next(), words.next())
        && let Ok(count) = count.parse()
    {
        counts.insert(what.to_owned(), count);
    }
}

/// The account of a run.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Seed and length, for people.
    pub(crate) title: String,
    /// Processes that collected, one after the other.
    pub(crate) lives: u64,
    /// How many of them were killed.
    pub(crate) kills: u64,
    /// What they counted, summed up.
    pub(crate) counts: BTreeMap<String, u64>,
    /// How many of them ended because their disk was full.
    pub(crate) full_disks: u64,
    /// How often one was stopped for a while.
    pub(crate) pauses: u64,
    /// What was done to the database and the network before it.
    pub(crate) disturbances: BTreeMap<&'static str, u64>,
    /// Largest memory of any of them, in KiB.
    pub(crate) peak_kib: u64,
    pub(crate) venue: Report,
    pub(crate) found: Found,
}

impl Account {
    pub(crate) fn add(&mut self, counts: &BTreeMap<String, u64>) {
        for (what, count) in counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "injected")?;
        write!(f, "{}", self.venue.injected)?;
        writeln!(f, "{:>10} processes killed (of {})", self.kills, self.lives)?;
        writeln!(f, "{:>10} writes failed", self.counts.get("store_faults").unwrap_or(&0))?;
        writeln!(f, "{:>10} processes ended by a full disk", self.full_disks)?;
        writeln!(f, "{:>10} times a process was stopped for a while", self.pauses)?;
        for (what, count) in &self.disturbances {
            writeln!(f, "{count:>10} {what}")?;
        }
        writeln!(f, "the venue")?;
        for (what, count) in &self.venue.served {
            writeln!(f, "{count:>10} {what}")?;
        }
        writeln!(f, "the processes")?;
        for (what, count) in self.counts.iter().filter(|(what, _)| *what != "store_faults") {
            writeln!(f, "{count:>10} {what}")?;
        }
        writeln!(f, "{:>10} MiB of memory at most", self.peak_kib.div_ceil(1_024))?;
        writeln!(f, "the store, compared with what happened")?;
        write!(f, "{}", self.found)
    }
}
