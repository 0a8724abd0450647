//! The live write path on one connection: batches of trades with the candles they close, and of candles alone, through
//! the store's own port; without TLS and, where a URL is given for it, over TLS, batch by batch in turn.

use onetape_domain::change::{Changes, TapeBatch};
use onetape_domain::engine::InstrumentEngine;
use onetape_domain::instrument::Instrument;
use onetape_domain::message::Payload;
use onetape_domain::time::{Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_ports::TapeStore;
use onetape_testkit::generator::Market as SimulatedMarket;
use onetape_timescale::{PoolOptions, Pools, TimescaleStore};

use crate::load::{Outcome, clock, now};
use crate::market::{DAY, Market, Plan};
use crate::report::row;

const BUDGET: &str = "budget 100,000 rows/s";
/// Rows of a batch, and how many batches.
const SIZES: [(usize, usize); 3] = [(100, 400), (1_000, 100), (10_000, 20)];

/// One connection, and what its batches took.
struct Writer {
    name: &'static str,
    store: TimescaleStore,
    seconds: f64,
    rows: usize,
}

pub(crate) async fn run(url: &str, tls_url: Option<&str>) -> Outcome<()> {
    let named = [("without TLS", Some(url)), ("over TLS", tls_url)];
    for (size, count) in SIZES {
        let what = format!("trades with their candles, {size} rows a batch");
        write(&what, named, |instrument| trades(instrument, size, count)).await?;
    }
    for (size, count) in SIZES {
        let what = format!("1 s candles, {size} a batch");
        write(&what, named, |instrument| candles(instrument, size, count.min(8_000_000 / size / 100)))
            .await?;
    }
    Ok(())
}

async fn write(
    what: &str,
    named: [(&'static str, Option<&str>); 2],
    batches: impl Fn(&Instrument) -> Outcome<Vec<TapeBatch>>,
) -> Outcome<()> {
    let mut writers = Vec::new();
    let mut all = Vec::new();
    for (name, url) in named {
        let Some(url) = url else { continue };
        let writer = PoolOptions { max_connections: 1, ..Pools::default().writer };
        let store = TimescaleStore::connect_with(url, &Pools { writer, ..Pools::default() }).await?;
        // A name of its own for each set of batches.
        let letters: String = format!("{what}{name}").chars().filter(char::is_ascii_alphanumeric).collect();
        let instrument: Instrument = format!("{}:ETH/USDT", letters.to_lowercase()).parse()?;
        all.push(batches(&instrument)?.into_iter());
        writers.push(Writer { name, store, seconds: 0.0, rows: 0 });
    }
    let mut expected: Option<Timestamp> = None;
    'batches: loop {
        let mut issued = None;
        for (writer, batches) in writers.iter_mut().zip(&mut all) {
            let Some(batch) = batches.next() else { break 'batches };
            let begin = now();
            writer.store.append(&batch, expected).await?;
            // The first one also prepares the statements and makes the chunks.
            if expected.is_some() {
                writer.seconds += begin.elapsed().as_secs_f64();
                writer.rows += batch.changes.len();
            }
            issued = Some(batch.clock.issued);
        }
        expected = issued;
    }
    for writer in writers {
        let rate = writer.rows as f64 / writer.seconds;
        row(
            &format!("{what}, {}", writer.name),
            &format!("{rate:.0} rows/s"),
            BUDGET,
            Some(rate / 100_000.0),
        );
        writer.store.close().await;
    }
    Ok(())
}

fn trades(instrument: &Instrument, size: usize, count: usize) -> Outcome<Vec<TapeBatch>> {
    let market = SimulatedMarket {
        seconds: 3_600,
        trades_per_second: 60,
        ..SimulatedMarket::new(instrument.clone(), 5)
    };
    let mut engine = InstrumentEngine::new(instrument.clone(), VenueRules::BINANCE_SPOT);
    let (mut changes, mut batches) = (Changes::default(), Vec::new());
    for message in market.messages().iter().filter(|message| matches!(message.payload, Payload::Trades(_))) {
        engine.process(message, &mut changes);
        if changes.len() >= size {
            let clock = engine.clock(false).ok_or("a trade is stamped")?;
            let changes = std::mem::take(&mut changes);
            batches.push(TapeBatch { instrument: instrument.clone(), changes, clock });
        }
        if batches.len() == count {
            break;
        }
    }
    Ok(batches)
}

fn candles(instrument: &Instrument, size: usize, count: usize) -> Outcome<Vec<TapeBatch>> {
    let start = Timestamp::from_micros(20_000 * DAY);
    let mut market = Market::new(Plan { start, seconds: (size * count * 2) as i64, detailed: 0 });
    let mut rows = Vec::new();
    while let Some((changes, _)) = market.next_day()? {
        rows.extend(changes.candles.into_iter().filter(|row| row.candle.timeframe() == Timeframe::S1));
    }
    let batch = |candles: &[_]| -> Outcome<TapeBatch> {
        let changes = Changes { candles: candles.to_vec(), ..Changes::default() };
        let issued = changes.candles.last().and_then(|row| row.candle.known_from()).ok_or("no candle")?;
        Ok(TapeBatch { instrument: instrument.clone(), changes, clock: clock(instrument, issued)? })
    };
    rows.chunks_exact(size).take(count).map(batch).collect()
}
