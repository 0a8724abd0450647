//! How far a copy has come.

use onetape_domain::instrument::Instrument;

/// What is done with the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Both stores are read, to see what an interrupted copy left to do.
    Comparing,
    /// Rows go into the target.
    Loading,
    /// The target is read and compared.
    Verifying,
}

impl Step {
    /// `comparing`, `loading` or `verifying`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comparing => "comparing",
            Self::Loading => "loading",
            Self::Verifying => "verifying",
        }
    }
}

/// A moment of a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Which instrument.
    pub instrument: Instrument,
    /// What is done.
    pub step: Step,
    /// The table that is read.
    pub table: String,
    /// Rows read since the begin.
    pub rows: u64,
    /// How much of the whole is done, from 0 to 1; estimated by the time the rows are of.
    pub fraction: f64,
}

/// Reports progress, which only grows.
pub(crate) struct Meter<'a> {
    report: &'a mut (dyn FnMut(&Progress) + Send),
    instrument: Instrument,
    step: Step,
    pub(crate) rows: u64,
    /// Instruments before this one, and all of them.
    place: (usize, usize),
    /// Which part of the instrument's work the pass is.
    share: (f64, f64),
    fraction: f64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(report: &'a mut (dyn FnMut(&Progress) + Send), instrument: Instrument) -> Self {
        Self {
            report,
            instrument,
            step: Step::Comparing,
            rows: 0,
            place: (0, 1),
            share: (0.0, 1.0),
            fraction: 0.0,
        }
    }

    /// Goes on with another instrument.
    pub(crate) fn instrument(&mut self, instrument: &Instrument, before: usize, all: usize) {
        self.instrument = instrument.clone();
        self.place = (before, all);
    }

    /// Goes on with a pass that is this part of the instrument's work.
    pub(crate) fn pass(&mut self, step: Step, from: f64, to: f64) {
        self.step = step;
        self.share = (from, to);
    }

    /// So much of the pass is done.
    pub(crate) fn show(&mut self, table: String, done: f64) {
        let within = self.share.0 + (self.share.1 - self.share.0) * done.clamp(0.0, 1.0);
        let fraction = (self.place.0 as f64 + within) / self.place.1.max(1) as f64;
        self.fraction = self.fraction.max(fraction);
        let (step, rows, fraction) = (self.step, self.rows, self.fraction);
        (self.report)(&Progress { instrument: self.instrument.clone(), step, table, rows, fraction });
    }
}
