//! `onetape query`: what a store knew at an instant.

mod columns;
mod objects;
mod series;
mod unknown;

use onetape::domain::instrument::Instrument;
use onetape::ports::Selection;
use onetape::prelude::*;
use onetape::provider::ProviderError;

use crate::args::{Query, QueryArgs, RangeArgs};
use crate::context::Context;

/// Rows given for an instant without a limit.
const DEFAULT_LIMIT: usize = 100;

pub(crate) async fn run(args: QueryArgs, context: Context) -> anyhow::Result<()> {
    let context = context.with_store(&args.store)?;
    let name = args.query.instrument();
    let instrument = context.instrument(name)?;
    let bare = !name.as_str().starts_with(&format!("{}:", instrument.exchange()));
    let tape = context.open_to_read().await?;
    let asked = match args.query {
        Query::Candles(args) => series::candles(args, &tape, &instrument).await,
        Query::Trades(args) => series::trades(args, &tape, &instrument).await,
        Query::Imbalances(args) => series::imbalances(args, &tape, &instrument).await,
        Query::Buckets(args) => series::buckets(args, &tape, &instrument).await,
        Query::Coverage(args) => series::coverage(args, &tape, &instrument).await,
        Query::Book(args) => objects::book(args, &tape, &instrument).await,
        Query::Inference(args) => objects::inference(args, &tape, &instrument).await,
    };
    match asked {
        Err(error) if is_unknown(&error) => Err(unknown::explained(error, &tape, &instrument, bare).await),
        other => other,
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ProviderError::UnknownInstrument { .. }))
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
