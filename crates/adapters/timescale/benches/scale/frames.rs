//! Frames as of random instants, decoded, beside the same statement undecoded. Stores are compared in turn, instant by
//! instant, so that what else the machine does weighs on all of them alike.

use onetape_domain::frame::FrameShape;
use onetape_domain::instrument::Instrument;
use onetape_domain::time::Timestamp;
use onetape_ports::{FrameQuery, FrameStore, Knowledge};
use onetape_testkit::generator::Rng;
use onetape_timescale::{PoolOptions, Pools, TimescaleStore};

use crate::load::{Outcome, now};
use crate::report::Latency;

/// Instants of one store to read at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// What was measured of one target.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) whole: Latency,
    pub(crate) floor: Latency,
}

/// Reads `count` frames of each target, by so many readers at once, each on a connection of its own. Every instant is
/// read once before, so that its pages and the server's catalog are warm.
pub(crate) async fn measure(
    targets: &[Target],
    instrument: &Instrument,
    count: usize,
    readers: usize,
) -> Outcome<Vec<Frames>> {
    let mut tasks = Vec::new();
    for reader in 0..readers {
        let (targets, instrument) = (targets.to_vec(), instrument.clone());
        tasks.push(tokio::spawn(read(targets, instrument, count / readers, reader as u64)));
    }
    let mut all: Vec<Frames> = targets.iter().map(|_| Frames::default()).collect();
    for task in tasks {
        for (sum, part) in all.iter_mut().zip(task.await??) {
            sum.whole.append(part.whole);
            sum.floor.append(part.floor);
        }
    }
    Ok(all)
}

async fn read(targets: Vec<Target>, instrument: Instrument, count: usize, seed: u64) -> Outcome<Vec<Frames>> {
    let mut stores = Vec::new();
    for target in &targets {
        let reader = PoolOptions { max_connections: 1, ..Pools::default().reader };
        stores.push(TimescaleStore::connect_with(&target.url, &Pools { reader, ..Pools::default() }).await?);
    }
    let mut all: Vec<Frames> = targets.iter().map(|_| Frames::default()).collect();
    for is_measured in [false, true] {
        let mut random = Rng::new(seed);
        for turn in 0..count {
            for (at, target) in targets.iter().enumerate() {
                let span = target.until.since(target.from);
                let query = query(&instrument, target.from.plus(random.between(0, span - 1)));
                // Each comes first as often as the other.
                for part in [turn % 2, (turn + 1) % 2] {
                    let begin = now();
                    match part {
                        0 => drop(std::hint::black_box(stores[at].frame_parts(&query).await?)),
                        _ => stores[at].frame_floor(&query).await?,
                    }
                    let taken = begin.elapsed();
                    if is_measured {
                        let of = &mut all[at];
                        (if part == 0 { &mut of.whole } else { &mut of.floor }).push(taken);
                    }
                }
            }
        }
    }
    for store in stores {
        store.close().await;
    }
    Ok(all)
}

pub(crate) fn query(instrument: &Instrument, as_of: Timestamp) -> FrameQuery {
    FrameQuery {
        instrument: instrument.clone(),
        as_of,
        shape: FrameShape::DEFAULT,
        knowledge: Knowledge::AsRecorded,
    }
}
