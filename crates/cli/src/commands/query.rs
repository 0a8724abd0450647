//! `onetape query`: what a store knew at an instant.

mod columns;
mod objects;
mod series;

use onetape::domain::instrument::Instrument;
use onetape::ports::Selection;
use onetape::prelude::*;

use crate::args::{Query, QueryArgs, RangeArgs};

/// Rows given for an instant without a limit.
const DEFAULT_LIMIT: usize = 100;

pub(crate) async fn run(args: QueryArgs) -> anyhow::Result<()> {
    match args.query {
        Query::Candles(args) => series::candles(args).await,
        Query::Trades(args) => series::trades(args).await,
        Query::Imbalances(args) => series::imbalances(args).await,
        Query::Buckets(args) => series::buckets(args).await,
        Query::Coverage(args) => series::coverage(args).await,
        Query::Book(args) => objects::book(args).await,
        Query::Inference(args) => objects::inference(args).await,
    }
}

/// Opens a store that is there: a question makes no file.
pub(super) async fn ask(store: &str) -> anyhow::Result<Onetape> {
    if let StoreUrl::Sqlite(path) = store.parse()?
        && !path.exists()
    {
        anyhow::bail!("there is no file {}, so there is nothing to ask", path.display());
    }
    Ok(Onetape::open(store).await?)
}

/// Which rows: those of a range, or the last ones; everything without a choice.
fn selection(range: &RangeArgs) -> anyhow::Result<Selection> {
    if let Some(limit) = range.limit {
        return Ok(Selection::Last(limit));
    }
    if range.from.is_none() && range.to.is_none() && range.at.is_some() {
        return Ok(Selection::Last(DEFAULT_LIMIT));
    }
    let start = range.from.unwrap_or(Timestamp::EARLIEST);
    Ok(Selection::Range(TimeRange::try_new(start, range.to.unwrap_or(Timestamp::LATEST))?))
}

/// The instant the store can answer for: `at`, or its clock where that is earlier.
async fn as_of(tape: &Onetape, instrument: &Instrument, at: Option<Timestamp>) -> anyhow::Result<Timestamp> {
    let request = Request { timestamp: at, limit: 0, context_window: Duration::ZERO, ..Request::default() };
    Ok(tape.provider().multi_timeframe(instrument, &[], &request).await?.as_of)
}
