//! Any sequence of writes, reads and maintenance gives the same in memory, in TimescaleDB and in a SQLite file.
//!
//! `PROPTEST_CASES=500 cargo nextest run -E 'test(model)'` looks longer.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use futures::TryStreamExt;
use onetape::sqlite::SqliteStore;
use onetape::timescale::{AuditScope, Maintained, TimescaleStore, fingerprint};
use onetape_domain::candle::Candle;
use onetape_domain::change::TapeBatch;
use onetape_domain::engine::candles::CandleKey;
use onetape_domain::frame::{FrameShape, assemble};
use onetape_domain::imported::{Import, Place};
use onetape_domain::instrument::Instrument;
use onetape_domain::message::FeedMessage;
use onetape_domain::time::{SECOND, TimeRange, Timeframe, Timestamp};
use onetape_domain::venue::VenueRules;
use onetape_memory::MemoryStore;
use onetape_ports::{
    BookQuery, CandleQuery, FrameQuery, ImportStore, Knowledge, MarketStore, Selection, StoreError,
    StoreErrorKind, TimeQuery,
};
use onetape_testdb::{Template, TestDb};
use onetape_testkit::dump::line;
use onetape_testkit::generator::{Market, faults};
use onetape_testkit::{ManualClock, Recording, dump};
use proptest::prelude::*;

use super::support::instrument;

mod imports;

/// The tape begins a little before this midnight, so that its rows lie in two chunks.
const MIDNIGHT: Timestamp = Timestamp::from_micros(1_723_161_600 * SECOND);
const SECONDS: u32 = 150;

pub(crate) static SCHEMA: LazyLock<Template> = LazyLock::new(|| {
    Template::new("model", fingerprint(), |url| async move { TimescaleStore::migrate_url(&url).await })
});

/// What may happen. Numbers stand for whatever is there to choose from.
#[derive(Debug, Clone)]
enum Operation {
    /// The next messages become a batch, with the full-depth book or without.
    Append {
        messages: usize,
        with_book: bool,
    },
    /// A batch that was written before comes again, as after a lost acknowledgement.
    Repeat {
        batch: usize,
    },
    /// A writer that believes the clock to stand elsewhere.
    Conflict {
        off: i64,
    },
    /// The program starts anew from what is stored.
    Restart {
        with_book: bool,
    },
    /// What `onetape maintain` does, so many days later: on the Community edition all is compressed after a while.
    Maintain {
        days: i64,
    },
    Frame {
        at: At,
        shape: usize,
        corrected: bool,
    },
    Candles {
        timeframe: usize,
        selection: Choice,
        at: At,
        corrected: bool,
    },
    Rows {
        selection: Choice,
        at: At,
    },
    Books {
        selection: Choice,
        at: At,
        minutes: bool,
        partials: bool,
    },
    Versions {
        timeframe: usize,
        candle: usize,
    },
    /// Minutes or seconds from elsewhere; finished, and so seen, or not yet.
    Import {
        id: usize,
        source: usize,
        seconds: bool,
        from: i64,
        count: i64,
        finish: bool,
    },
    RemoveImport {
        id: usize,
    },
    SourceOrder {
        first: usize,
    },
}

/// An instant: by a stamp, so many microseconds off; or outside of the tape.
#[derive(Debug, Clone, Copy)]
enum At {
    Stamp { index: usize, off: i64 },
    Before,
    Latest,
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    Last(usize),
    Range { from: i64, seconds: i64 },
    All,
}

fn at() -> impl Strategy<Value = At> {
    prop_oneof![
        8 => (any::<prop::sample::Index>(), -1_i64..=1)
            .prop_map(|(index, off)| At::Stamp { index: index.index(1 << 20), off }),
        1 => Just(At::Before),
        1 => Just(At::Latest),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        (0_usize..200).prop_map(Choice::Last),
        (-10_i64..i64::from(SECONDS), 0_i64..100).prop_map(|(from, seconds)| Choice::Range { from, seconds }),
        Just(Choice::All),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::{
        Append, Books, Candles, Conflict, Frame, Import, Maintain, RemoveImport, Repeat, Restart, Rows,
        SourceOrder, Versions,
    };
    prop_oneof![
        8 => (1_usize..250, any::<bool>()).prop_map(|(messages, with_book)| Append { messages, with_book }),
        2 => any::<usize>().prop_map(|batch| Repeat { batch }),
        1 => prop_oneof![Just(-1), Just(1), Just(SECOND)].prop_map(|off| Conflict { off }),
        1 => any::<bool>().prop_map(|with_book| Restart { with_book }),
        2 => (0_i64..30).prop_map(|days| Maintain { days }),
        4 => (at(), 0_usize..3, any::<bool>()).prop_map(|(at, shape, corrected)| Frame { at, shape, corrected }),
        3 => (0_usize..6, choice(), at(), any::<bool>()).prop_map(|(timeframe, selection, at, corrected)| {
            Candles { timeframe, selection, at, corrected }
        }),
        2 => (choice(), at()).prop_map(|(selection, at)| Rows { selection, at }),
        2 => (choice(), at(), any::<bool>(), any::<bool>()).prop_map(|(selection, at, minutes, partials)| {
            Books { selection, at, minutes, partials }
        }),
        1 => (0_usize..6, any::<usize>()).prop_map(|(timeframe, candle)| Versions { timeframe, candle }),
        2 => (0_usize..4, 0_usize..3, any::<bool>(), -90_i64..4, 1_i64..90, any::<bool>()).prop_map(
            |(id, source, seconds, from, count, finish)| Import { id, source, seconds, from, count, finish }
        ),
        1 => (0_usize..4).prop_map(|id| RemoveImport { id }),
        1 => (0_usize..3).prop_map(|first| SourceOrder { first }),
    ]
}

/// A tape with late, lost, repaired and repeated trades, decided by the seed.
fn tape(seed: u64) -> Vec<FeedMessage> {
    let market = Market {
        start: MIDNIGHT.plus(-60 * SECOND),
        seconds: SECONDS,
        levels: 8,
        diff_every_ms: 400,
        ..Market::new(instrument(), seed)
    };
    let messages = faults::late_trades(market.messages(), seed, 40, 40_000);
    let (messages, lost) = faults::drop_trades(messages, seed, 20);
    let mut messages = faults::duplicated(messages, seed, 30, 40);
    // What was lost comes later, as a repair does.
    let repaired = messages.len() * 3 / 4;
    let received_at = messages[repaired].received_at;
    let lost = lost.into_iter().map(|message| FeedMessage { received_at, ..message });
    messages.splice(repaired..repaired, lost);
    messages
}

/// A store that is compared with the one in memory.
#[expect(clippy::large_enum_variant, reason = "one value a test")]
enum Other {
    Timescale { store: TimescaleStore, _database: TestDb },
    Sqlite { store: SqliteStore, _folder: tempfile::TempDir },
}

impl Other {
    /// A TimescaleDB, or none where there is no server to run on.
    async fn timescale() -> Option<Self> {
        let database = onetape_testdb::database(&SCHEMA).await?;
        let store = TimescaleStore::connect(database.url()).await.expect("the test's own database");
        Some(Self::Timescale { store, _database: database })
    }

    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path().join("model.db")).await.expect("the test's own file");
        Self::Sqlite { store, _folder: folder }
    }

    fn store(&self) -> &dyn MarketStore {
        match self {
            Self::Timescale { store, .. } => store,
            Self::Sqlite { store, .. } => store,
        }
    }

    /// Nothing is too old, so nothing may go.
    async fn maintain(&self, clock: &ManualClock) {
        match self {
            Self::Timescale { store, .. } => {
                let done = store.maintain(clock, AuditScope::Everything).await;
                let Maintained::Done(report) = done.expect("maintenance") else {
                    panic!("nobody else maintains it")
                };
                assert_eq!((report.differences(), report.dropped.len()), (0, 0), "{report}");
            }
            Self::Sqlite { store, .. } => {
                let report = store.maintain(clock).await.expect("maintenance");
                assert_eq!(report.dropped.len(), 0, "{report}");
            }
        }
    }

    async fn close(&self) {
        match self {
            Self::Timescale { store, .. } => store.close().await,
            Self::Sqlite { store, .. } => store.close().await,
        }
    }
}

/// Two stores that were told the same.
struct Stores {
    memory: MemoryStore,
    other: Other,
    recording: Recording,
    tape: std::vec::IntoIter<FeedMessage>,
    /// Where the clock of both stands.
    flushed: Option<Timestamp>,
    /// Batches cut and not written yet begin here.
    next: usize,
}

/// Outcomes of the same call are the same: values, or kinds of errors.
fn same<T: PartialEq + Debug>(what: &dyn Debug, memory: Result<T, StoreError>, other: Result<T, StoreError>) {
    let memory = memory.map_err(|error| error.kind());
    match other {
        Ok(other) => assert_eq!(Ok(other), memory, "{what:?}: the other store against memory"),
        Err(error) => assert_eq!(Some(error.kind()), memory.err(), "{what:?}: {error:?}"),
    }
}

impl Stores {
    fn new(seed: u64, other: Other) -> Self {
        let tape = tape(seed).into_iter();
        let recording = Recording::new(instrument(), VenueRules::BINANCE_SPOT);
        let (memory, flushed) = (MemoryStore::new(), None);
        Self { memory, other, recording, tape, flushed, next: 0 }
    }

    async fn run(&mut self, operation: &Operation) {
        match *operation {
            Operation::Append { messages, with_book } => {
                for message in self.tape.by_ref().take(messages) {
                    self.recording.process(&message);
                }
                self.recording.cut(with_book);
                self.write().await;
            }
            Operation::Repeat { batch } => {
                let written = &self.recording.batches()[..self.next];
                let Some(last) = written.len().checked_sub(1) else { return };
                let at = if batch % 2 == 0 { last } else { batch / 2 % written.len() };
                let expected = at.checked_sub(1).map(|before| written[before].clock.issued);
                let outcome = self.append(operation, &written[at], expected).await;
                // The last one finds itself there; of earlier ones it is known that they are not in their turn.
                assert_eq!(outcome.is_ok(), at == last, "{operation:?}");
            }
            Operation::Conflict { off } => {
                let Some(last) = self.recording.batches().last() else { return };
                let issued = last.clock.issued.plus(SECOND);
                let mut batch = last.clone();
                batch.clock.issued = issued;
                let expected = self.flushed.map(|flushed| flushed.plus(off));
                let outcome = self.append(operation, &batch, expected).await;
                assert_eq!(outcome.err(), Some(StoreErrorKind::Conflict));
            }
            Operation::Restart { with_book } => self.recording.restart(with_book),
            Operation::Maintain { days } => {
                let clock = ManualClock::new(MIDNIGHT.plus(days * 86_400 * SECOND));
                self.other.maintain(&clock).await;
            }
            Operation::Import { .. } => {
                let memory = imports::run(&self.memory, operation).await;
                same(operation, memory, imports::run(self.other.store(), operation).await);
            }
            Operation::RemoveImport { id } => {
                let id = imports::id(id);
                let memory = self.memory.remove_import(&id).await;
                same(operation, memory, self.other.store().remove_import(&id).await);
            }
            Operation::SourceOrder { first } => {
                let order = imports::sources(first);
                let memory = self.memory.set_source_order(&order).await;
                same(operation, memory, self.other.store().set_source_order(&order).await);
            }
            _ => self.read(operation).await,
        }
    }

    /// Writes what was cut. As a pipeline does, each batch takes in the imports that wait, and the first one those that
    /// are there.
    async fn write(&mut self) {
        for batch in &self.recording.batches()[self.next..] {
            let mut batch = batch.clone();
            let place = self.flushed.map(|_| Place::At(batch.clock.issued));
            for import in self.memory.imports(&instrument()).await.expect("imports") {
                match place {
                    Some(place) if import.place == Place::Waiting => {
                        batch.changes.imports.push(Import { place, ..import });
                    }
                    None if import.number % 2 == 1 => batch.changes.imports.push(import),
                    _ => {}
                }
            }
            self.append(&"append", &batch, self.flushed).await.expect("a batch in its turn is written");
            self.flushed = Some(batch.clock.issued);
        }
        self.next = self.recording.batches().len();
    }

    async fn append(
        &self,
        what: &dyn Debug,
        batch: &TapeBatch,
        expected: Option<Timestamp>,
    ) -> Result<(), StoreErrorKind> {
        let memory = onetape_ports::TapeStore::append(&self.memory, batch, expected).await;
        let outcome = memory.as_ref().copied().map_err(StoreError::kind);
        same(what, memory, self.other.store().append(batch, expected).await);
        outcome
    }

    async fn read(&self, operation: &Operation) {
        let memory = answer(&self.memory, self, operation).await;
        let other = answer(self.other.store(), self, operation).await;
        same(operation, memory, other);
    }

    fn instant(&self, at: At) -> Timestamp {
        let stamps = self.recording.stamps();
        match at {
            At::Stamp { index, off } if !stamps.is_empty() => stamps[index % stamps.len()].plus(off),
            At::Stamp { .. } | At::Latest => Timestamp::LATEST,
            At::Before => MIDNIGHT.plus(-86_400 * SECOND),
        }
    }
}

fn selection(choice: Choice) -> Selection {
    match choice {
        Choice::Last(count) => Selection::Last(count),
        Choice::All => Selection::Range(TimeRange::ALL),
        Choice::Range { from, seconds } => {
            let start = MIDNIGHT.plus((from - 60) * SECOND);
            let range = TimeRange::try_new(start, start.plus(seconds * SECOND));
            Selection::Range(range.expect("it ends after it begins"))
        }
    }
}

fn knowledge(corrected: bool) -> Knowledge {
    if corrected { Knowledge::AsCorrected } else { Knowledge::AsRecorded }
}

const SHAPES: [FrameShape; 3] = [
    FrameShape::DEFAULT,
    FrameShape { candles: 3, context_window: 0, imbalances: 0 },
    FrameShape { candles: 300, context_window: 3_600 * SECOND, imbalances: 200 },
];

/// What a store says, as text.
async fn answer(
    store: &dyn MarketStore,
    stores: &Stores,
    operation: &Operation,
) -> Result<String, StoreError> {
    let instrument = instrument();
    Ok(match *operation {
        Operation::Frame { at, shape, corrected } => {
            let (as_of, shape) = (stores.instant(at), SHAPES[shape]);
            let query = FrameQuery { instrument, as_of, shape, knowledge: knowledge(corrected) };
            let mut parts = store.frame_parts(&query).await?;
            let imported = imports::of(store, &parts, as_of).await?;
            parts.imported = imported.map(Arc::new);
            // Numbers rise in every store, and have holes of their own in each.
            let unnumbered = |import: &Import| Import { number: 0, ..import.clone() };
            let imports = line(&parts.imports.iter().map(unnumbered).collect::<Vec<_>>());
            let frame = assemble(query.instrument, as_of, shape, parts).expect("a frame");
            [imports, frame.to_canonical_json()].join("\n")
        }
        Operation::Candles { timeframe, selection: choice, at, corrected } => {
            let (timeframe, selection) = (Timeframe::ALL[timeframe], selection(choice));
            let (as_of, knowledge) = (stores.instant(at), knowledge(corrected));
            let query = CandleQuery { instrument, timeframe, selection, as_of, knowledge };
            let streamed: Vec<Candle> = store.stream_candles(query.clone()).try_collect().await?;
            assert_eq!(store.candles(&query).await?, streamed);
            line(&streamed)
        }
        Operation::Rows { selection: choice, at } => {
            let query = TimeQuery { instrument, selection: selection(choice), as_of: stores.instant(at) };
            let trades: Vec<_> = store.stream_trades(query.clone()).try_collect().await?;
            let buckets: Vec<_> = store.stream_buckets(query.clone()).try_collect().await?;
            let imbalances: Vec<_> = store.stream_imbalances(query.clone()).try_collect().await?;
            let coverage: Vec<_> = store.stream_coverage(query).try_collect().await?;
            [line(&trades), line(&buckets), line(&imbalances), line(&coverage)].join("\n")
        }
        Operation::Books { selection: choice, at, minutes, partials } => {
            let (selection, as_of) = (selection(choice), stores.instant(at));
            let last = store.last_book(&instrument, as_of).await?;
            let query = BookQuery {
                instrument,
                selection,
                as_of,
                last_of_minute: minutes,
                superseded_partials: partials && !minutes,
            };
            let books: Vec<_> = store.stream_books(query).try_collect().await?;
            line(&(last, books))
        }
        Operation::Versions { timeframe, candle } => versions(store, &instrument, timeframe, candle).await?,
        _ => dump(store, &instrument).await?,
    })
}

async fn versions(
    store: &dyn MarketStore,
    instrument: &Instrument,
    timeframe: usize,
    candle: usize,
) -> Result<String, StoreError> {
    let timeframe = Timeframe::ALL[timeframe];
    let periods = i64::from(SECONDS) * SECOND / timeframe.micros() + 1;
    let first = timeframe.open_time(MIDNIGHT.plus(-60 * SECOND));
    let period = i64::try_from(candle % 1_000).unwrap_or(0) % periods;
    let key = CandleKey { timeframe, open_time: first.plus(period * timeframe.micros()) };
    let (now, before) = (store.candle(instrument, key).await?, store.superseded(instrument, key).await?);
    Ok(line(&(now, before)))
}

/// Runs the operations.
async fn run(seed: u64, operations: &[Operation], other: Other) {
    let mut stores = Stores::new(seed, other);
    for operation in operations {
        stores.run(operation).await;
    }
    // All tables at the end, also of what was never asked for.
    let (memory, other) = (&stores.memory, stores.other.store());
    let tables = (dump(memory, &instrument()).await, dump(other, &instrument()).await);
    same(&"all tables", tables.0, tables.1);
    stores.other.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn memory_and_timescale_agree_at_every_step(
        seed in 0_u64..1_000_000,
        operations in prop::collection::vec(operation(), 10..40),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            if let Some(other) = Other::timescale().await {
                run(seed, &operations, other).await;
            }
        });
    }

    #[test]
    fn memory_and_a_file_agree_at_every_step(
        seed in 0_u64..1_000_000,
        operations in prop::collection::vec(operation(), 10..40),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async { run(seed, &operations, Other::sqlite().await).await });
    }
}
