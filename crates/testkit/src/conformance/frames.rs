//! Cases of [`FrameStore`](onetape_ports::FrameStore): everything known at an instant, at once.

use std::sync::Arc;

use onetape_domain::candle::Candle;
use onetape_domain::change::Changes;
use onetape_domain::coverage::Stream;
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::expiry::Expiry;
use onetape_domain::frame::{FrameParts, FrameShape, assemble};
use onetape_domain::instrument::Instrument;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::{FrameQuery, Knowledge, MarketStore};

use super::data::{at, becomes, candle, eth, instants, instrument, market, short, write};
use super::{Case, Verdict, case, ensure, same, same_dump};
use crate::dump::line;
use crate::generator::{Market, Rng};
use crate::recording::Recording;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            frame_parts_are_those_of_the_model_at_many_instants,
            "What the store knows at the instant, all from one consistent state of it."
        ),
        case!(
            frame_parts_have_the_shape_asked_for,
            "The last max(shape.candles, FORMING_ROWS) candles, the last imbalances (at least 60), the context window."
        ),
        case!(
            frame_parts_as_corrected_are_final_versions,
            "AsCorrected: final versions of candles closed by the watermark's second, trades before that second."
        ),
        case!(frame_parts_before_the_first_record_are_empty, "T before the first record is an empty frame."),
        case!(
            what_was_not_dropped_is_not_told_as_dropped,
            "A store that drops nothing gives Expiry::NOTHING."
        ),
        case!(frame_parts_give_no_more_than_500_closes, "The closes of the last MAX_WINDOW closed candles."),
        case!(
            an_answer_about_the_past_does_not_change_as_the_tape_grows,
            "What was answered for T is what a later query for T returns."
        ),
        case!(
            an_engine_restored_from_the_store_goes_on_identically,
            "What the store holds as of the clock restores the engine."
        ),
    ]
}

/// The default frame of [`eth`].
pub(super) fn query(as_of: Timestamp) -> FrameQuery {
    FrameQuery { instrument: eth(), as_of, shape: FrameShape::DEFAULT, knowledge: Knowledge::AsRecorded }
}

/// Fails unless a store's parts are those of the model: equal rows, coverage that proves the same from
/// the earliest of them on, and one canonical frame.
pub(super) fn same_parts(query: &FrameQuery, got: &FrameParts, expected: &FrameParts) -> Verdict {
    let what = |part: &str| format!("{part} at {} {:?} {:?}", query.as_of, query.shape, query.knowledge);
    for timeframe in Timeframe::ALL {
        let index = timeframe.index();
        same(&what(&format!("{timeframe} candles")), &got.candles[index], &expected.candles[index])?;
        let bits = |closes: &[f64]| -> Vec<u64> { closes.iter().map(|close| close.to_bits()).collect() };
        same(
            &what(&format!("{timeframe} closes")),
            &bits(got.closes[index].values()),
            &bits(expected.closes[index].values()),
        )?;
    }
    same(&what("open trades"), &got.open_trades, &expected.open_trades)?;
    same(&what("book"), got.book.as_slice(), expected.book.as_slice())?;
    same(&what("imbalances"), &got.imbalances, &expected.imbalances)?;
    same(&what("context"), &got.context, &expected.context)?;
    ensure!(
        got.watermark_second() == expected.watermark_second(),
        "{}: got {:?}, expected {:?}",
        what("the watermark's second by the coverage"),
        got.watermark_second(),
        expected.watermark_second()
    );
    if let Some(range) = earliest(expected).and_then(|from| TimeRange::try_new(from, Timestamp::LATEST).ok())
    {
        for stream in Stream::ALL {
            let holes = |parts: &FrameParts| parts.covered(stream).gaps(range);
            same(&what(&format!("holes of the {stream} stream")), &holes(got), &holes(expected))?;
        }
    }
    let frame = |parts: &FrameParts| {
        assemble(query.instrument.clone(), query.as_of, query.shape, parts.clone())
            .map(|frame| frame.to_canonical_json())
    };
    let (got, expected) = (frame(got), frame(expected));
    same_dump(&what("canonical frame"), &line(&got.ok()), &line(&expected.ok()))
}

/// Time of the earliest row of the parts.
fn earliest(parts: &FrameParts) -> Option<Timestamp> {
    let candles = parts.candles.iter().flatten().chain(&parts.context).map(Candle::open_time);
    let trades = parts.open_trades.iter().map(|trade| trade.key.event_time);
    let books = parts.book.iter().map(|book| book.second());
    candles.chain(trades).chain(books).chain(parts.imbalances.iter().map(|row| row.second)).min()
}

async fn compare(store: &dyn MarketStore, recording: &Recording, query: &FrameQuery) -> Verdict {
    let expected = recording.reference().frame_parts(query);
    same_parts(query, &store.frame_parts(query).await?, &expected)
}

async fn frame_parts_are_those_of_the_model_at_many_instants(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let mut rng = Rng::new(99);
    let stamps = market().stamps();
    let (first, last) = (stamps[0].micros(), stamps[stamps.len() - 1].micros());
    let random = (0..25).map(|_| Timestamp::from_micros(rng.between(first, last)));
    for as_of in instants(market(), 25).into_iter().chain(random) {
        compare(&*store, market(), &query(as_of)).await?;
    }
    Ok(())
}

async fn frame_parts_have_the_shape_asked_for(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    let shapes = [
        FrameShape { candles: 0, context_window: 0, imbalances: 0 },
        FrameShape { candles: 59, context_window: SECOND, imbalances: 59 },
        FrameShape { candles: 61, context_window: 10 * SECOND + 1, imbalances: 61 },
        FrameShape { candles: 500, context_window: 86_400 * SECOND, imbalances: 5_000 },
    ];
    for as_of in [at(-30), at(0), at(0).plus(700_000), at(49), at(300)] {
        for shape in shapes {
            compare(&*store, market(), &FrameQuery { shape, ..query(as_of) }).await?;
        }
    }
    Ok(())
}

async fn frame_parts_as_corrected_are_final_versions(store: Arc<dyn MarketStore>) -> Verdict {
    market().write(&*store).await?;
    for as_of in instants(market(), 25) {
        compare(&*store, market(), &FrameQuery { knowledge: Knowledge::AsCorrected, ..query(as_of) }).await?;
    }
    Ok(())
}

async fn frame_parts_before_the_first_record_are_empty(store: Arc<dyn MarketStore>) -> Verdict {
    let nothing = FrameParts::default();
    ensure!(store.frame_parts(&query(at(0))).await? == nothing, "parts where nothing is stored");
    market().write(&*store).await?;
    let before = query(market().stamps()[0].plus(-1));
    ensure!(store.frame_parts(&before).await? == nothing, "parts before the first stamp");
    let other = FrameQuery { instrument: instrument("binance", "BTC/USDT"), ..query(Timestamp::LATEST) };
    ensure!(store.frame_parts(&other).await? == nothing, "parts of an unknown instrument");
    Ok(())
}

async fn what_was_not_dropped_is_not_told_as_dropped(store: Arc<dyn MarketStore>) -> Verdict {
    ensure!(store.expiry(&eth()).await? == Expiry::NOTHING, "something dropped where nothing was stored");
    market().write(&*store).await?;
    ensure!(store.expiry(&eth()).await? == Expiry::NOTHING, "something dropped where all is there");
    Ok(())
}

async fn frame_parts_give_no_more_than_500_closes(store: Arc<dyn MarketStore>) -> Verdict {
    let candles: Vec<_> =
        (0..620).map(|second| candle(Timeframe::S1, at(second), 1, at(second + 2))).collect();
    let changes = candles.iter().map(|candle| becomes(*candle, None)).collect();
    write(&*store, at(700), Changes { candles: changes, ..Changes::default() }).await?;
    for (as_of, known) in [(at(700), 620), (at(400), 399), (at(502), 501)] {
        let parts = store.frame_parts(&query(as_of)).await?;
        let count = parts.closes[0].values().len();
        ensure!(count == known.min(500), "{count} closes of {known} candles as of {as_of}");
        same("candles", &parts.candles[0], &candles[known - 100..known])?;
    }
    Ok(())
}

async fn an_answer_about_the_past_does_not_change_as_the_tape_grows(store: Arc<dyn MarketStore>) -> Verdict {
    let mut answers: Vec<(FrameQuery, FrameParts)> = Vec::new();
    let mut expected = None;
    for (number, batch) in market().batches().iter().enumerate() {
        store.append(batch, expected).await?;
        expected = Some(batch.clock.issued);
        if number % 8 == 0 {
            let query = query(batch.clock.issued);
            answers.push((query.clone(), store.frame_parts(&query).await?));
        }
    }
    for (query, parts) in answers {
        same_parts(&query, &store.frame_parts(&query).await?, &parts)?;
    }
    Ok(())
}

async fn an_engine_restored_from_the_store_goes_on_identically(store: Arc<dyn MarketStore>) -> Verdict {
    let rules = VenueRules::BINANCE_SPOT;
    let messages = Market { seconds: 40, ..Market::new(eth(), 21) }.messages();
    let (first, rest) = messages.split_at(messages.len() / 2);
    let mut recording = Recording::new(eth(), rules);
    first.iter().for_each(|message| drop(recording.process(message)));
    recording.cut(true);
    recording.write(&*store).await?;

    let clock = store.clock(&eth()).await?.ok_or_else(|| "no clock".to_owned())?;
    let parts = store.frame_parts(&query(clock.issued)).await?;
    let limit = FrameShape::DEFAULT.candles;
    let mut engine =
        InstrumentEngine::restore(rules, clock, &parts, limit, &[]).map_err(|wrong| wrong.to_string())?;
    for message in rest {
        let (mut restored, before) = (Changes::default(), recording.reference().changes().len());
        engine.process(message, &mut restored);
        recording.process(message);
        let brought = recording.reference().changes().len() - before;
        ensure!(
            restored.len() == brought,
            "{} rows after the restart, {brought} without one: {message:?}",
            restored.len()
        );
    }
    let clocks = (engine.clock(true), recording.engine().clock(true));
    same_dump("clock", &line(&clocks.0), &line(&clocks.1))?;
    two_instruments_do_not_mix(&*store).await
}

async fn two_instruments_do_not_mix(store: &dyn MarketStore) -> Verdict {
    let names: [Instrument; 2] = [instrument("bybit", "ETH/USDT"), instrument("binance", "ETH/USDT:USDT")];
    for (seed, name) in (50..).zip(names) {
        let recording = short(name, seed);
        recording.write(store).await?;
        let query = FrameQuery { instrument: recording.instrument().clone(), ..query(Timestamp::LATEST) };
        compare(store, &recording, &query).await?;
    }
    Ok(())
}
