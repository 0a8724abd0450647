//! Queries that give rows.

use futures::{StreamExt as _, TryStreamExt as _};
use onetape::domain::bucket::SampledBucket;
use onetape::domain::time::SECOND;
use onetape::ports::{BookQuery, CandleQuery, Knowledge, Selection, TimeQuery};
use onetape::prelude::*;

use super::{as_of, columns, selection};
use crate::args::{BucketsArgs, CandlesArgs, SeriesArgs};
use crate::output::rows;

pub(crate) async fn candles(
    args: CandlesArgs,
    tape: &Onetape,
    instrument: &Instrument,
) -> anyhow::Result<()> {
    let CandlesArgs { instrument: _, timeframe, range, corrected, format } = args;
    let selection = selection(&range)?;
    let knowledge = if corrected { Knowledge::AsCorrected } else { Knowledge::AsRecorded };
    let request = Request { timestamp: range.at, limit: 0, knowledge, ..Request::default() };
    // With a limit of no closed candles, what is left are the forming ones.
    let forming = tape.provider().multi_timeframe(instrument, &[timeframe], &request).await?;
    let inside = |candle: &Candle| match selection {
        Selection::Range(range) => range.contains(candle.open_time()),
        Selection::Last(_) => true,
    };
    let query =
        CandleQuery { instrument: instrument.clone(), timeframe, selection, as_of: forming.as_of, knowledge };
    let forming: Vec<Candle> =
        forming.candles.get(&timeframe).map(|section| section.rows.clone()).unwrap_or_default();
    let provider = tape.provider();
    let closed = provider.stream_closed_candles(query);
    let forming = futures::stream::iter(forming.into_iter().filter(inside).map(Ok));
    rows::write(closed.chain(forming), &columns::CANDLES, format).await
}

pub(crate) async fn trades(args: SeriesArgs, tape: &Onetape, instrument: &Instrument) -> anyhow::Result<()> {
    let query = query(&args, tape, instrument).await?;
    rows::write(tape.store().stream_trades(query), &columns::TRADES, args.format).await
}

pub(crate) async fn imbalances(
    args: SeriesArgs,
    tape: &Onetape,
    instrument: &Instrument,
) -> anyhow::Result<()> {
    let query = query(&args, tape, instrument).await?;
    rows::write(tape.store().stream_imbalances(query), &columns::IMBALANCES, args.format).await
}

pub(crate) async fn coverage(
    args: SeriesArgs,
    tape: &Onetape,
    instrument: &Instrument,
) -> anyhow::Result<()> {
    let query = query(&args, tape, instrument).await?;
    rows::write(tape.store().stream_coverage(query), &columns::COVERAGE, args.format).await
}

/// Of a range, the stored buckets; of an instant, those of the book last available then.
pub(crate) async fn buckets(
    args: BucketsArgs,
    tape: &Onetape,
    instrument: &Instrument,
) -> anyhow::Result<()> {
    let BucketsArgs { series, second } = args;
    let mut query = query(&series, tape, instrument).await?;
    let asks_instant =
        series.range.from.is_none() && series.range.to.is_none() && series.range.limit.is_none();
    if let Some(second) = second {
        query.selection =
            Selection::Range(TimeRange::try_new(second.floor_second(), second.floor_second().plus(SECOND))?);
    } else if asks_instant && series.range.at.is_some() {
        let book = tape.store().last_book(instrument, query.as_of).await?;
        let buckets = book.as_deref().map(SampledBucket::of).unwrap_or_default();
        let buckets = buckets.into_iter().map(Ok::<_, std::io::Error>);
        return rows::write(futures::stream::iter(buckets), &columns::BUCKETS, series.format).await;
    } else if let Selection::Last(limit) = query.selection {
        // The last so many samples, not buckets.
        query.selection = Selection::Range(last_samples(tape, &query, limit).await?);
    }
    rows::write(tape.store().stream_buckets(query), &columns::BUCKETS, series.format).await
}

async fn last_samples(tape: &Onetape, query: &TimeQuery, limit: usize) -> anyhow::Result<TimeRange> {
    let books = BookQuery {
        instrument: query.instrument.clone(),
        selection: Selection::Last(limit),
        as_of: query.as_of,
        last_of_minute: false,
        superseded_partials: false,
    };
    let first = tape.store().stream_books(books).try_next().await?;
    let start = first.map_or(Timestamp::LATEST, |book| book.second());
    Ok(TimeRange::try_new(start, Timestamp::LATEST)?)
}

async fn query(args: &SeriesArgs, tape: &Onetape, instrument: &Instrument) -> anyhow::Result<TimeQuery> {
    let as_of = as_of(tape, instrument, args.range.at).await?;
    Ok(TimeQuery { instrument: instrument.clone(), selection: selection(&args.range)?, as_of })
}
