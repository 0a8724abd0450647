//! The figures beside their floors and budgets.

use crate::Outcome;
use crate::process::Taken;

/// Most memory of a migration.
const MEMORY: u64 = 256_000_000;

/// What was measured of a file of so many rows.
#[derive(Debug)]
pub(crate) struct Table {
    rows: u64,
    missed: Vec<String>,
}

impl Table {
    pub(crate) fn new(rows: u64) -> Self {
        Self { rows, missed: Vec::new() }
    }

    pub(crate) fn heading(&self, store: &str) {
        println!("\n{store}; load of the machine: {}", load_of_machine());
        println!("\n| what | seconds | rows/s | floor | ratio | budget | most memory |");
        println!("|---|---|---|---|---|---|---|");
    }

    /// A line of something that has no budget.
    pub(crate) fn floor(&self, what: &str, seconds: f64) {
        println!("| {what} | {seconds:.1} | {:.0} | | | | |", self.rate(seconds));
    }

    /// A line. The floor is a time for the same rows, the budget the least ratio of both rates.
    pub(crate) fn line(&mut self, what: &str, taken: &Taken, floor: Option<(f64, Option<f64>)>) {
        let Taken { seconds, memory, .. } = taken;
        let beside = match floor {
            None => " | | ".to_owned(),
            Some((floor, budget)) => {
                let ratio = floor / seconds;
                if let Some(budget) = budget.filter(|budget| ratio < *budget) {
                    self.missed.push(format!("{what}: {ratio:.2} of the floor, and not {budget}"));
                }
                let budget = budget.map(|budget| budget.to_string()).unwrap_or_default();
                format!("{:.0} | {ratio:.2} | {budget}", self.rate(floor))
            }
        };
        let shown = memory.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000));
        if memory.is_some_and(|bytes| bytes > MEMORY) {
            self.missed.push(format!("{what}: {shown}, and not {} MB", MEMORY / 1_000_000));
        }
        println!("| {what} | {seconds:.1} | {:.0} | {beside} | {shown} |", self.rate(*seconds));
    }

    /// An error where a budget was missed.
    pub(crate) fn finish(self) -> Outcome<()> {
        println!("\nload of the machine afterwards: {}", load_of_machine());
        if self.missed.is_empty() { Ok(()) } else { Err(self.missed.join("; ").into()) }
    }

    fn rate(&self, seconds: f64) -> f64 {
        self.rows as f64 / seconds
    }
}

fn load_of_machine() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
