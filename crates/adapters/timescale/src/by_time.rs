//! What to read of a table by the rows' own time: a range, or the last rows.

use onetape_ports::{Selection, TimeQuery};
use sqlx::error::BoxDynError;

use crate::arguments::Arguments;
use crate::bounds::Bounds;
use crate::cursor::Request;

/// A table's two queries. Arguments of both: symbol, exchange, lower bound, upper bound (exclusive), the
/// instant of knowledge; of the second also the number of rows.
#[derive(Debug)]
pub(crate) struct ByTime {
    pub(crate) range: &'static str,
    pub(crate) last: &'static str,
    /// Whether rows may lie ahead of their stamp.
    pub(crate) leads: bool,
    /// Time in which so many last rows are looked for first.
    pub(crate) span: fn(usize) -> i64,
}

impl ByTime {
    pub(crate) fn request(&self, query: &TimeQuery, bounds: &Bounds) -> Result<Request, BoxDynError> {
        let lead = if self.leads { bounds.lead } else { 0 };
        let arguments =
            |lower, end| Arguments::of(&query.instrument)?.time(lower)?.time(end)?.time(query.as_of);
        match query.selection {
            Selection::Range(range) => {
                let (start, end) = bounds.clip(range, query.as_of, lead);
                let attempts = vec![arguments(start, end)?.done()];
                Ok(Request { sql: self.range, attempts, wanted: None })
            }
            Selection::Last(count) => {
                let end = query.as_of.plus(lead).plus(1);
                let attempt = |lower| Ok(arguments(lower, end)?.limit(count)?.done());
                let lowers = bounds.lowers(end, (self.span)(count));
                let attempts = lowers.into_iter().map(attempt).collect::<Result<_, BoxDynError>>()?;
                Ok(Request { sql: self.last, attempts, wanted: Some(count) })
            }
        }
    }
}
