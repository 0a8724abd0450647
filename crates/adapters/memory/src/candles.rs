//! Closed candles of one timeframe with every version, read as of an instant.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use onetape_domain::candle::{Candle, SupersededCandle};
use onetape_domain::frame::indicator_input;
use onetape_domain::time::Timestamp;

/// Which version of a candle a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lens {
    /// The one known at the instant.
    Recorded(Timestamp),
    /// The final one, of the candles that close by this second; none sees nothing.
    Corrected(Option<Timestamp>),
}

/// What putting a version in did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is the first of its candle.
    New,
    /// It took the place of a lower revision.
    Replaced,
    /// A version at least as high was there.
    Ignored,
}

/// Neighbouring candles; the three vectors of current versions and closes run in step.
#[derive(Debug, Clone)]
pub(crate) struct CandleChunk {
    candles: Vec<Candle>,
    closes: Vec<f64>,
    /// Replaced versions, by open time, then revision.
    older: Vec<SupersededCandle>,
    /// No version was known before this.
    min_stamp: Timestamp,
    /// All current versions are known from here on.
    max_stamp: Timestamp,
}

impl CandleChunk {
    fn first_open(&self) -> Option<Timestamp> {
        self.candles.first().map(Candle::open_time)
    }

    fn last_open(&self) -> Option<Timestamp> {
        self.candles.last().map(Candle::open_time)
    }

    fn shows_all(&self, lens: Lens) -> bool {
        match lens {
            Lens::Recorded(as_of) => self.max_stamp <= as_of,
            Lens::Corrected(end) => {
                end.is_some_and(|end| self.candles.last().is_some_and(|c| c.close_time() <= end))
            }
        }
    }

    fn shows_none(&self, lens: Lens) -> bool {
        match lens {
            Lens::Recorded(as_of) => self.min_stamp > as_of,
            Lens::Corrected(end) => {
                end.is_none_or(|end| self.candles.first().is_none_or(|c| c.close_time() > end))
            }
        }
    }

    fn replaced(&self, open_time: Timestamp) -> &[SupersededCandle] {
        let start = self.older.partition_point(|version| version.candle.open_time() < open_time);
        let rest = &self.older[start..];
        &rest[..rest.partition_point(|version| version.candle.open_time() == open_time)]
    }

    fn pick(&self, at: usize, lens: Lens) -> Option<&Candle> {
        let current = self.candles.get(at)?;
        match lens {
            Lens::Recorded(as_of) if stamp(current) <= as_of => Some(current),
            Lens::Recorded(as_of) => {
                let known =
                    |version: &&SupersededCandle| stamp(&version.candle) <= as_of && as_of < version.known_to;
                self.replaced(current.open_time()).iter().find(known).map(|version| &version.candle)
            }
            Lens::Corrected(end) => {
                Some(current).filter(|candle| end.is_some_and(|end| candle.close_time() <= end))
            }
        }
    }

    fn visible(&self, lens: Lens) -> impl DoubleEndedIterator<Item = &Candle> {
        let rows = if self.shows_none(lens) { 0 } else { self.candles.len() };
        (0..rows).filter_map(move |at| self.pick(at, lens))
    }

    fn put(&mut self, at: usize, candle: Candle) {
        self.candles.insert(at, candle);
        self.closes.insert(at, indicator_input(candle.ohlcv().close.get()));
        self.min_stamp = self.min_stamp.min(stamp(&candle));
        self.max_stamp = self.max_stamp.max(stamp(&candle));
    }

    fn replace(&mut self, at: usize, candle: Candle) {
        let version = SupersededCandle { candle: self.candles[at], known_to: stamp(&candle) };
        let place = self.older.partition_point(|other| other.candle.open_time() <= candle.open_time());
        self.older.insert(place, version);
        self.candles[at] = candle;
        self.closes[at] = indicator_input(candle.ohlcv().close.get());
        self.min_stamp = self.min_stamp.min(stamp(&candle));
        self.max_stamp = self.max_stamp.max(stamp(&candle));
    }

    /// Another current version, which makes no replaced one of the one before.
    fn exchange(&mut self, at: usize, candle: Candle) {
        self.candles[at] = candle;
        self.closes[at] = indicator_input(candle.ohlcv().close.get());
        self.min_stamp = self.min_stamp.min(stamp(&candle));
        self.max_stamp = self.max_stamp.max(stamp(&candle));
    }

    /// Puts a replaced version in its place; one that is there stays.
    fn put_older(&mut self, version: SupersededCandle) {
        let key = |other: &SupersededCandle| (other.candle.open_time(), other.candle.revision());
        if let Err(place) = self.older.binary_search_by_key(&key(&version), key) {
            self.min_stamp = self.min_stamp.min(stamp(&version.candle));
            self.older.insert(place, version);
        }
    }

    fn split(&mut self) -> Option<Self> {
        let half = self.candles.len() / 2;
        let open_time = self.candles.get(half)?.open_time();
        let older = self.older.partition_point(|version| version.candle.open_time() < open_time);
        Some(Self {
            candles: self.candles.split_off(half),
            closes: self.closes.split_off(half),
            older: self.older.split_off(older),
            min_stamp: self.min_stamp,
            max_stamp: self.max_stamp,
        })
    }
}

/// From when on a version is known.
pub(crate) fn stamp(candle: &Candle) -> Timestamp {
    candle.known_from().unwrap_or(Timestamp::EARLIEST)
}

/// The candles of one timeframe. A clone shares all chunks.
#[derive(Debug, Clone)]
pub(crate) struct CandleSeries {
    chunks: Vec<Arc<CandleChunk>>,
    len: usize,
    capacity: usize,
    /// The most an open time lies ahead of the stamp of a version of it; usually far below zero.
    lead: i64,
}

impl CandleSeries {
    /// An empty series with so many candles a chunk.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { chunks: Vec::new(), len: 0, capacity: capacity.max(2), lead: i64::MIN }
    }

    /// Puts a closed version in.
    pub(crate) fn put(&mut self, candle: Candle) -> Put {
        let open_time = candle.open_time();
        let put =
            if self.chunks.last().and_then(|chunk| chunk.last_open()).is_none_or(|last| last < open_time) {
                self.push(candle);
                Put::New
            } else {
                self.put_inside(candle)
            };
        if put != Put::Ignored {
            self.lead = self.lead.max(open_time.since(stamp(&candle)));
        }
        self.len += usize::from(put == Put::New);
        put
    }

    /// Puts a current version in as another store had it: of one that is there the higher revision stays.
    pub(crate) fn load(&mut self, candle: Candle) {
        let open_time = candle.open_time();
        let stored = self.current(open_time).map(|stored| stored.revision());
        match stored {
            None => {
                self.put(candle);
            }
            Some(revision) if revision >= candle.revision() => return,
            Some(_) => {
                if let Some((chunk, at)) = self.find_mut(open_time) {
                    chunk.exchange(at, candle);
                }
            }
        }
        self.lead = self.lead.max(open_time.since(stamp(&candle)));
    }

    /// Puts a replaced version in; false where there is no current one of its candle.
    pub(crate) fn load_replaced(&mut self, version: SupersededCandle) -> bool {
        let open_time = version.candle.open_time();
        let Some((chunk, _)) = self.find_mut(open_time) else { return false };
        chunk.put_older(version);
        self.lead = self.lead.max(open_time.since(stamp(&version.candle)));
        true
    }

    fn find_mut(&mut self, open_time: Timestamp) -> Option<(&mut CandleChunk, usize)> {
        let at = self.chunks.partition_point(|chunk| chunk.last_open().is_some_and(|last| last < open_time));
        let chunk = self.chunks.get_mut(at)?;
        let place = chunk.candles.binary_search_by_key(&open_time, Candle::open_time).ok()?;
        Some((Arc::make_mut(chunk), place))
    }

    /// The chunks as they are now that hold replaced versions of candles that open in `[from, to)`.
    pub(crate) fn replaced_between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = SupersededCandle> + use<> {
        let chunks = self.chunks_in(from, to).to_vec();
        let inside = move |version: &SupersededCandle| {
            let open_time = version.candle.open_time();
            from <= open_time && open_time < to
        };
        chunks.into_iter().flat_map(|chunk| chunk.older.clone()).filter(inside)
    }

    fn push(&mut self, candle: Candle) {
        if let Some(chunk) = self.chunks.last_mut().filter(|chunk| chunk.candles.len() < self.capacity) {
            let chunk = Arc::make_mut(chunk);
            chunk.put(chunk.candles.len(), candle);
        } else {
            let (candles, closes) = (Vec::with_capacity(self.capacity), Vec::with_capacity(self.capacity));
            let stamp = stamp(&candle);
            let mut chunk =
                CandleChunk { candles, closes, older: Vec::new(), min_stamp: stamp, max_stamp: stamp };
            chunk.put(0, candle);
            self.chunks.push(Arc::new(chunk));
        }
    }

    /// For an open time at or before the last one.
    fn put_inside(&mut self, candle: Candle) -> Put {
        let open_time = candle.open_time();
        let at = self.chunks.partition_point(|chunk| chunk.last_open().is_some_and(|last| last < open_time));
        let Some(chunk) = self.chunks.get_mut(at) else {
            return Put::Ignored;
        };
        match chunk.candles.binary_search_by_key(&open_time, Candle::open_time) {
            Ok(place) if chunk.candles[place].revision() >= candle.revision() => Put::Ignored,
            Ok(place) => {
                Arc::make_mut(chunk).replace(place, candle);
                Put::Replaced
            }
            Err(place) => {
                let chunk = Arc::make_mut(chunk);
                chunk.put(place, candle);
                if chunk.candles.len() > self.capacity
                    && let Some(upper) = chunk.split()
                {
                    self.chunks.insert(at + 1, Arc::new(upper));
                }
                Put::New
            }
        }
    }

    /// How many chunks may go from the first on: the store has them, `capacity` candles stay, and
    /// `needed` that are seen at `floor`.
    pub(crate) fn surplus(
        &self,
        capacity: usize,
        needed: usize,
        floor: Timestamp,
        durable: Timestamp,
    ) -> usize {
        let first = self.chunks.first().map_or(0, |chunk| chunk.candles.len());
        if self.len < capacity.saturating_add(first) {
            return 0;
        }
        let lens = Lens::Recorded(floor);
        let seen = |chunk: &CandleChunk| {
            if chunk.shows_all(lens) { chunk.candles.len() } else { chunk.visible(lens).count() }
        };
        let mut kept = self.len;
        let mut kept_seen: usize = self.chunks.iter().map(|chunk| seen(chunk)).sum();
        let goes = |chunk: &&Arc<CandleChunk>| {
            kept -= chunk.candles.len();
            kept_seen -= seen(chunk);
            chunk.max_stamp <= durable && capacity <= kept && needed <= kept_seen
        };
        self.chunks.iter().take_while(goes).count()
    }

    /// Lets go of the first `chunks`; returns how many candles that were and where the last one opens.
    pub(crate) fn evict(&mut self, chunks: usize) -> Option<(usize, Timestamp)> {
        let last = self.chunks.get(chunks.checked_sub(1)?)?.last_open()?;
        let candles = self.chunks.drain(..chunks).map(|chunk| chunk.candles.len()).sum();
        self.len -= candles;
        Some((candles, last))
    }

    /// Whether there are replaced versions nobody sees from `floor` on.
    pub(crate) fn has_replaced_by(&self, floor: Timestamp) -> bool {
        self.chunks.iter().any(|chunk| chunk.older.iter().any(|version| version.known_to <= floor))
    }

    /// Lets go of replaced versions nobody sees from `floor` on; returns how many.
    pub(crate) fn forget_replaced(&mut self, floor: Timestamp) -> usize {
        let before = self.replaced_len();
        for chunk in &mut self.chunks {
            if chunk.older.iter().any(|version| version.known_to <= floor) {
                Arc::make_mut(chunk).older.retain(|version| floor < version.known_to);
            }
        }
        before - self.replaced_len()
    }

    /// Whether the lens sees every candle in its current version.
    pub(crate) fn shows_all(&self, lens: Lens) -> bool {
        self.chunks.iter().all(|chunk| chunk.shows_all(lens))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Open times of the first and the last candle.
    pub(crate) fn open_times(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.chunks.first()?.candles.first()?.open_time();
        Some((first, self.chunks.last()?.last_open()?))
    }

    /// Number of replaced versions.
    pub(crate) fn replaced_len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.older.len()).sum()
    }

    /// Number of versions that came after the stamp.
    pub(crate) fn versions_after(&self, after: Timestamp) -> usize {
        let newer = |candle: &Candle| stamp(candle) > after;
        let recent = self.chunks.iter().filter(|chunk| chunk.max_stamp > after);
        let current = |chunk: &CandleChunk| chunk.candles.iter().filter(|candle| newer(candle)).count();
        let replaced =
            |chunk: &CandleChunk| chunk.older.iter().filter(|version| newer(&version.candle)).count();
        recent.map(|chunk| current(chunk) + replaced(chunk)).sum()
    }

    fn find(&self, open_time: Timestamp) -> Option<(&CandleChunk, usize)> {
        let at = self.chunks.partition_point(|chunk| chunk.last_open().is_some_and(|last| last < open_time));
        let chunk = self.chunks.get(at)?;
        Some((chunk, chunk.candles.binary_search_by_key(&open_time, Candle::open_time).ok()?))
    }

    /// The current version at an open time.
    pub(crate) fn current(&self, open_time: Timestamp) -> Option<Candle> {
        self.find(open_time).and_then(|(chunk, at)| chunk.candles.get(at).copied())
    }

    /// The replaced versions at an open time, lowest revision first.
    pub(crate) fn replaced(&self, open_time: Timestamp) -> Vec<SupersededCandle> {
        self.find(open_time).map(|(chunk, _)| chunk.replaced(open_time).to_vec()).unwrap_or_default()
    }

    /// First open time beyond which nothing can be seen.
    fn horizon(&self, lens: Lens) -> Timestamp {
        match lens {
            Lens::Recorded(as_of) if self.len > 0 => as_of.plus(self.lead).plus(1),
            Lens::Recorded(as_of) => as_of,
            Lens::Corrected(end) => end.unwrap_or(Timestamp::EARLIEST),
        }
    }

    fn chunks_in(&self, from: Timestamp, to: Timestamp) -> &[Arc<CandleChunk>] {
        let first = self.chunks.partition_point(|chunk| chunk.last_open().is_some_and(|last| last < from));
        let last = self.chunks.partition_point(|chunk| chunk.first_open().is_some_and(|first| first < to));
        &self.chunks[first..last.max(first)]
    }

    /// Candles seen that open in `[from, to)`, oldest first.
    pub(crate) fn range(&self, from: Timestamp, to: Timestamp, lens: Lens) -> Vec<Candle> {
        let mut rows = Vec::new();
        for chunk in self.chunks_in(from, to.min(self.horizon(lens))) {
            if chunk.shows_all(lens) {
                let start = chunk.candles.partition_point(|candle| candle.open_time() < from);
                let end = chunk.candles.partition_point(|candle| candle.open_time() < to);
                rows.extend_from_slice(&chunk.candles[start..end.max(start)]);
            } else {
                let inside = |candle: &&Candle| from <= candle.open_time() && candle.open_time() < to;
                rows.extend(chunk.visible(lens).filter(inside).copied());
            }
        }
        rows
    }

    /// The same candles, sharing the chunks as they are now.
    pub(crate) fn snapshot(&self, from: Timestamp, to: Timestamp, lens: Lens) -> CandleSnapshot {
        let chunks = self.chunks_in(from, to.min(self.horizon(lens))).to_vec();
        CandleSnapshot { chunks, from, to, lens, skip: 0 }
    }

    /// The last `n` candles seen, sharing the chunks as they are now.
    pub(crate) fn snapshot_last(&self, lens: Lens, n: usize) -> CandleSnapshot {
        let (chunks, skip, _) = self.tail(lens, n);
        CandleSnapshot {
            chunks: chunks.to_vec(),
            from: Timestamp::EARLIEST,
            to: Timestamp::LATEST,
            lens,
            skip,
        }
    }

    /// The last `n` candles seen, oldest first.
    pub(crate) fn last(&self, lens: Lens, n: usize) -> Vec<Candle> {
        let (chunks, skip, count) = self.tail(lens, n);
        collect(chunks, skip, count, lens, |chunk| &chunk.candles, |candle| *candle)
    }

    /// The closes of the last `n` candles seen, oldest first.
    pub(crate) fn last_closes(&self, lens: Lens, n: usize) -> Vec<f64> {
        let (chunks, skip, count) = self.tail(lens, n);
        collect(
            chunks,
            skip,
            count,
            lens,
            |chunk| &chunk.closes,
            |candle| indicator_input(candle.ohlcv().close.get()),
        )
    }

    /// The last candle seen.
    pub(crate) fn latest(&self, lens: Lens) -> Option<&Candle> {
        let chunks = self.chunks_in(Timestamp::EARLIEST, self.horizon(lens));
        chunks.iter().rev().find_map(|chunk| chunk.visible(lens).next_back())
    }

    /// The chunks that hold the last `n` seen, how many seen ones in them come before, and how many
    /// there are.
    fn tail(&self, lens: Lens, n: usize) -> (&[Arc<CandleChunk>], usize, usize) {
        let chunks = self.chunks_in(Timestamp::EARLIEST, self.horizon(lens));
        let (mut first, mut seen) = (chunks.len(), 0);
        while first > 0 && seen < n {
            first -= 1;
            let chunk = &chunks[first];
            seen += if chunk.shows_all(lens) { chunk.candles.len() } else { chunk.visible(lens).count() };
        }
        (&chunks[first..], seen.saturating_sub(n), seen.min(n))
    }
}

/// Copies `count` seen values after skipping `skip`: in one piece where a chunk shows all.
fn collect<R: Copy>(
    chunks: &[Arc<CandleChunk>],
    mut skip: usize,
    count: usize,
    lens: Lens,
    all: impl Fn(&CandleChunk) -> &[R],
    one: impl Fn(&Candle) -> R,
) -> Vec<R> {
    let mut rows = Vec::with_capacity(count);
    for chunk in chunks {
        if chunk.shows_all(lens) {
            rows.extend_from_slice(&all(chunk)[skip..]);
        } else {
            rows.extend(chunk.visible(lens).skip(skip).map(&one));
        }
        // All that is to be skipped lies in the first chunk.
        skip = 0;
    }
    rows
}

/// Candles of a series as they were when it was taken.
#[derive(Debug)]
pub(crate) struct CandleSnapshot {
    chunks: Vec<Arc<CandleChunk>>,
    from: Timestamp,
    to: Timestamp,
    lens: Lens,
    /// How many at the begin are left out.
    skip: usize,
}

impl CandleSnapshot {
    /// The candles, copied chunk by chunk as they are taken.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = Candle> {
        let Self { chunks, from, to, lens, skip } = self;
        let rows = chunks.into_iter().flat_map(move |chunk| {
            let inside = |candle: &&Candle| from <= candle.open_time() && candle.open_time() < to;
            chunk.visible(lens).filter(inside).copied().collect::<Vec<_>>()
        });
        rows.skip(skip)
    }
}
