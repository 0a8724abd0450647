//! Queries that give one thing: a book, a frame.

use std::sync::Arc;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use onetape::domain::book::BookSnapshot;
use onetape::domain::canonical;
use onetape::domain::decimal::canonical as text;
use onetape::domain::time::SECOND;
use onetape::ports::{BookQuery, Selection};
use onetape::prelude::*;
use serde_json::json;

use super::as_of;
use crate::args::{BookArgs, InferenceArgs, ObjectFormat};
use crate::hint::hinted;
use crate::output::grid::Grid;
use crate::output::{frame, say};

/// Of each line of standard input.
const INSTANTS: &str = "give one instant a line, as in 2024-08-09T00:00:00Z or 1723161600000000";

const OTHER_BOOKS: &str = "`onetape status` shows from when to when books are stored";

pub(crate) async fn book(args: BookArgs, tape: &Onetape, instrument: &Instrument) -> anyhow::Result<()> {
    let at = as_of(tape, instrument, args.at).await?;
    let book = match args.second {
        Some(second) => {
            let range = TimeRange::try_new(second.floor_second(), second.floor_second().plus(SECOND))?;
            let query = BookQuery {
                instrument: instrument.clone(),
                selection: Selection::Range(range),
                as_of: at,
                last_of_minute: false,
                superseded_partials: false,
            };
            let samples: Vec<Arc<BookSnapshot>> = tape.store().stream_books(query).try_collect().await?;
            samples
                .last()
                .cloned()
                .with_context(|| format!("no book of {instrument} was sampled for {second}"))
                .map_err(|error| hinted(error, OTHER_BOOKS))?
        }
        None => {
            let last = tape.store().last_book(instrument, at).await?;
            last.with_context(|| format!("no book of {instrument} was available at {at}"))
                .map_err(|error| hinted(error, OTHER_BOOKS))?
        }
    };
    match args.format {
        ObjectFormat::Json => say!("{}", book_json(&book, args.depth)?)?,
        ObjectFormat::Table => print_book(&book, args.depth)?,
    }
    Ok(())
}

fn book_json(book: &BookSnapshot, depth: usize) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(book)?;
    value["bids"] = json!(book.bids().iter().take(depth).collect::<Vec<_>>());
    value["asks"] = json!(book.asks().iter().take(depth).collect::<Vec<_>>());
    value["mid_price"] = json!(book.mid_price().map(text));
    value["spread"] = json!(book.spread().map(text));
    value["imbalance"] = json!(book.imbalance().map(text));
    Ok(canonical::to_string(&value)?)
}

fn print_book(book: &BookSnapshot, depth: usize) -> std::io::Result<()> {
    let kind = if book.flags().partial { "unfinished second" } else { "second" };
    say!("{kind} {}, update {}, available at {}", book.second(), book.sequence(), book.available_at())?;
    let mut grid = Grid::new(&["bid size", "bid", "ask", "ask size"]);
    let rows = book.bids().len().max(book.asks().len()).min(depth);
    for row in 0..rows {
        let cell = |level: Option<&onetape::domain::book::BookLevel>| {
            level.map_or_else(Default::default, |level| (level.price.to_string(), level.size.to_string()))
        };
        let ((bid, bid_size), (ask, ask_size)) = (cell(book.bids().get(row)), cell(book.asks().get(row)));
        grid.row([bid_size, bid, ask, ask_size]);
    }
    grid.print()?;
    let optional = |value: Option<_>| value.map_or_else(|| "-".to_owned(), text);
    say!(
        "mid {} spread {} volume {} / {} imbalance {}",
        optional(book.mid_price()),
        optional(book.spread()),
        book.bid_volume(),
        book.ask_volume(),
        optional(book.imbalance())
    )
}

pub(crate) async fn inference(
    args: InferenceArgs,
    tape: &Onetape,
    instrument: &Instrument,
) -> anyhow::Result<()> {
    let provider = tape.provider();
    let request = Request {
        limit: args.limit,
        context_window: args.window,
        min_quality: args.min_quality,
        strict: args.strict,
        ..Request::default()
    };
    let mut instants: Vec<Option<Timestamp>> = args.at.into_iter().map(Some).collect();
    if args.at_stdin {
        for line in std::io::stdin().lines() {
            let line = line?;
            let instant = line.parse().with_context(|| format!("standard input has no instant: `{line}`"));
            instants.push(Some(instant.map_err(|error| hinted(error, INSTANTS))?));
        }
    } else if instants.is_empty() {
        instants.push(None);
    }
    for timestamp in instants {
        let shown = provider.inference(instrument, &Request { timestamp, ..request }).await?;
        match args.format {
            ObjectFormat::Json => say!("{}", shown.to_canonical_json())?,
            ObjectFormat::Table => frame::print(&shown)?,
        }
    }
    Ok(())
}
