//! Stamped rows in a fixed order, in chunks that readers share and writers copy only while shared.

use std::cmp::Ordering;
use std::sync::Arc;

use onetape_domain::book::BookSnapshot;
use onetape_domain::coverage::CoverageRow;
use onetape_domain::imbalance::Imbalances;
use onetape_domain::time::Timestamp;
use onetape_domain::trade::Trade;
use onetape_ports::Selection;

/// Before every row.
pub(crate) const FIRST: Timestamp = Timestamp::from_micros(i64::MIN);
/// Behind every row.
pub(crate) const LAST: Timestamp = Timestamp::from_micros(i64::MAX);

/// A row of a [`Series`].
pub(crate) trait Row: Clone {
    /// The order of the series; equal rows are the same row.
    fn order(&self, other: &Self) -> Ordering;
    /// The leading part of that order.
    fn time(&self) -> Timestamp;
    /// From when on the row is known.
    fn stamp(&self) -> Timestamp;
}

#[derive(Debug, Clone)]
struct Chunk<V> {
    rows: Vec<V>,
    /// No row was known before this.
    min_stamp: Timestamp,
}

/// Rows sorted by their order. Appending is O(1), inserting elsewhere costs a chunk; a clone shares all
/// chunks.
#[derive(Debug, Clone)]
pub(crate) struct Series<V> {
    chunks: Vec<Arc<Chunk<V>>>,
    len: usize,
    capacity: usize,
    /// The most a row's time lies ahead of its stamp: bounds where rows known at an instant can be.
    lead: i64,
}

impl<V: Row> Series<V> {
    /// An empty series with so many rows a chunk.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { chunks: Vec::new(), len: 0, capacity: capacity.max(2), lead: i64::MIN }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn first(&self) -> Option<&V> {
        self.chunks.first().and_then(|chunk| chunk.rows.first())
    }

    pub(crate) fn last(&self) -> Option<&V> {
        self.chunks.last().and_then(|chunk| chunk.rows.last())
    }

    /// All rows in order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.chunks.iter().flat_map(|chunk| &chunk.rows)
    }

    /// Puts a row in its place; false where the same row is there already, which stays.
    pub(crate) fn insert(&mut self, row: V) -> bool {
        let lead = row.time().since(row.stamp());
        if self.last().is_none_or(|last| last.order(&row).is_lt()) {
            match self.chunks.last_mut().filter(|chunk| chunk.rows.len() < self.capacity) {
                Some(chunk) => {
                    let chunk = Arc::make_mut(chunk);
                    chunk.min_stamp = chunk.min_stamp.min(row.stamp());
                    chunk.rows.push(row);
                }
                None => {
                    let min_stamp = row.stamp();
                    let mut rows = Vec::with_capacity(self.capacity);
                    rows.push(row);
                    self.chunks.push(Arc::new(Chunk { rows, min_stamp }));
                }
            }
        } else {
            // The last row is not below this one, so there is a chunk whose last row is not.
            let at = self
                .chunks
                .partition_point(|chunk| chunk.rows.last().is_some_and(|last| last.order(&row).is_lt()));
            let Some(chunk) = self.chunks.get_mut(at) else {
                return false;
            };
            let Err(place) = chunk.rows.binary_search_by(|other| other.order(&row)) else {
                return false;
            };
            let chunk = Arc::make_mut(chunk);
            chunk.min_stamp = chunk.min_stamp.min(row.stamp());
            chunk.rows.insert(place, row);
            if chunk.rows.len() > self.capacity {
                let rows = chunk.rows.split_off(chunk.rows.len() / 2);
                let min_stamp = chunk.min_stamp;
                self.chunks.insert(at + 1, Arc::new(Chunk { rows, min_stamp }));
            }
        }
        self.lead = self.lead.max(lead);
        self.len += 1;
        true
    }

    /// An empty series of the same kind.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.capacity)
    }

    /// Lets go of chunks from the first on while `goes` says so; returns how many rows that were.
    pub(crate) fn evict_while(&mut self, mut goes: impl FnMut(&[V]) -> bool) -> usize {
        let chunks = self.chunks.iter().take_while(|chunk| goes(&chunk.rows)).count();
        let rows = self.chunks.drain(..chunks).map(|chunk| chunk.rows.len()).sum();
        self.len -= rows;
        rows
    }

    /// Whether all rows of the first chunk come before the instant.
    pub(crate) fn has_chunk_before(&self, time: Timestamp) -> bool {
        self.chunks.first().and_then(|chunk| chunk.rows.last()).is_some_and(|last| last.time() < time)
    }

    /// First instant no row known at `as_of` can have as its time.
    pub(crate) fn horizon(&self, as_of: Timestamp) -> Timestamp {
        if self.len == 0 { as_of } else { as_of.plus(self.lead).plus(1) }
    }

    /// Rows with a time in `[from, to)` known at `as_of`, in order.
    pub(crate) fn known(
        &self,
        from: Timestamp,
        to: Timestamp,
        as_of: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &V> + use<'_, V> {
        self.pieces(from, to, as_of)
            .flat_map(|(chunk, start, end)| &chunk.rows[start..end])
            .filter(move |row| row.stamp() <= as_of)
    }

    /// The selected rows known at `as_of`, sharing the chunks as they are now.
    pub(crate) fn select(&self, selection: Selection, as_of: Timestamp) -> Snapshot<V> {
        let n = match selection {
            Selection::Range(range) => return self.snapshot(range.start(), range.end(), as_of),
            Selection::Last(n) => n,
        };
        let (mut pieces, mut found) = (Vec::new(), 0);
        for (chunk, start, end) in self.pieces(FIRST, LAST, as_of).rev() {
            if found >= n {
                break;
            }
            found += chunk.rows[start..end].iter().filter(|row| row.stamp() <= as_of).count();
            pieces.push((chunk.clone(), start, end));
        }
        pieces.reverse();
        Snapshot { pieces, as_of, skip: found.saturating_sub(n) }
    }

    /// The rows of [`known`](Self::known), sharing the chunks as they are now.
    pub(crate) fn snapshot(&self, from: Timestamp, to: Timestamp, as_of: Timestamp) -> Snapshot<V> {
        let pieces =
            self.pieces(from, to, as_of).map(|(chunk, start, end)| (chunk.clone(), start, end)).collect();
        Snapshot { pieces, as_of, skip: 0 }
    }

    fn pieces(
        &self,
        from: Timestamp,
        to: Timestamp,
        as_of: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (&Arc<Chunk<V>>, usize, usize)> + use<'_, V> {
        let to = to.min(self.horizon(as_of));
        let before = |chunk: &Arc<Chunk<V>>| chunk.rows.last().is_some_and(|last| last.time() < from);
        let first = self.chunks.partition_point(before);
        let reaches = |chunk: &Arc<Chunk<V>>| chunk.rows.first().is_some_and(|first| first.time() < to);
        let last = self.chunks.partition_point(reaches).max(first);
        self.chunks[first..last].iter().filter(move |chunk| chunk.min_stamp <= as_of).map(move |chunk| {
            let start = chunk.rows.partition_point(|row| row.time() < from);
            let end = chunk.rows.partition_point(|row| row.time() < to).max(start);
            (chunk, start, end)
        })
    }
}

/// Rows of a series as they were when it was taken.
#[derive(Debug)]
pub(crate) struct Snapshot<V> {
    pieces: Vec<(Arc<Chunk<V>>, usize, usize)>,
    as_of: Timestamp,
    /// How many known rows at the begin are left out.
    skip: usize,
}

impl<V: Row> Snapshot<V> {
    /// The rows, copied one by one as they are taken.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = V> {
        let Self { pieces, as_of, skip } = self;
        let rows = pieces.into_iter().flat_map(move |(chunk, start, end)| {
            (start..end).filter_map(move |at| chunk.rows.get(at).filter(|row| row.stamp() <= as_of).cloned())
        });
        rows.skip(skip)
    }
}

impl Row for Trade {
    fn order(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }

    fn time(&self) -> Timestamp {
        self.key.event_time
    }

    fn stamp(&self) -> Timestamp {
        self.available_at
    }
}

impl Row for Imbalances {
    fn order(&self, other: &Self) -> Ordering {
        self.second.cmp(&other.second)
    }

    fn time(&self) -> Timestamp {
        self.second
    }

    fn stamp(&self) -> Timestamp {
        self.available_at
    }
}

/// By second, then stamp.
impl Row for Arc<BookSnapshot> {
    fn order(&self, other: &Self) -> Ordering {
        (self.second(), self.available_at()).cmp(&(other.second(), other.available_at()))
    }

    fn time(&self) -> Timestamp {
        self.second()
    }

    fn stamp(&self) -> Timestamp {
        self.available_at()
    }
}

/// A sample in the order of its availability.
#[derive(Debug, Clone)]
pub(crate) struct ByStamp(pub(crate) Arc<BookSnapshot>);

impl Row for ByStamp {
    fn order(&self, other: &Self) -> Ordering {
        (self.time(), self.0.second()).cmp(&(other.time(), other.0.second()))
    }

    fn time(&self) -> Timestamp {
        self.0.available_at()
    }

    fn stamp(&self) -> Timestamp {
        self.0.available_at()
    }
}

/// In the order in which the log applies.
impl Row for CoverageRow {
    fn order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| (row.available_at, row.stream, row.state, row.begin, row.end);
        key(self).cmp(&key(other)).then_with(|| self.reason.cmp(&other.reason))
    }

    fn time(&self) -> Timestamp {
        self.available_at
    }

    fn stamp(&self) -> Timestamp {
        self.available_at
    }
}

#[cfg(test)]
mod tests {
    use onetape_domain::time::TimeRange;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Point {
        time: i64,
        place: u8,
        stamp: i64,
    }

    impl Row for Point {
        fn order(&self, other: &Self) -> Ordering {
            (self.time, self.place).cmp(&(other.time, other.place))
        }

        fn time(&self) -> Timestamp {
            Timestamp::from_micros(self.time)
        }

        fn stamp(&self) -> Timestamp {
            Timestamp::from_micros(self.stamp)
        }
    }

    fn points() -> impl Strategy<Value = Vec<Point>> {
        // Stamps on both sides of the time; times that repeat, so that some rows are the same.
        let point = (0..40_i64, 0..3_u8, -9..9_i64);
        let point = point.prop_map(|(time, place, after)| Point { time, place, stamp: time + after });
        prop::collection::vec(point, 0..80)
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    proptest! {
        #[test]
        fn rows_come_in_order_whatever_order_they_went_in(
            points in points(),
            (from, length, as_of, n) in (0..40_i64, 0..40_i64, 0..50_i64, 0..20_usize),
        ) {
            let mut series = Series::new(4);
            let mut model: Vec<Point> = Vec::new();
            for (place, point) in points.into_iter().enumerate() {
                let new = !model.iter().any(|other| other.order(&point).is_eq());
                // Shared chunks are copied, so what was taken before stays as it was.
                let before = (place == 20).then(|| (series.clone(), model.clone()));
                prop_assert_eq!(series.insert(point.clone()), new);
                model.extend(new.then_some(point));
                if let Some((series, mut model)) = before {
                    model.sort();
                    prop_assert_eq!(series.iter().cloned().collect::<Vec<_>>(), model);
                }
            }
            model.sort();
            prop_assert_eq!(series.len(), model.len());
            prop_assert_eq!(series.iter().cloned().collect::<Vec<_>>(), model.clone());

            let to = from + length;
            model.retain(|point| point.stamp <= as_of);
            let inside: Vec<_> = model.iter().filter(|point| from <= point.time && point.time < to).cloned().collect();
            let known: Vec<_> = series.known(at(from), at(to), at(as_of)).cloned().collect();
            prop_assert_eq!(&known, &inside);
            let range = TimeRange::try_new(at(from), at(to)).expect("a range");
            let taken: Vec<_> = series.select(Selection::Range(range), at(as_of)).into_rows().collect();
            prop_assert_eq!(&taken, &inside);
            let last: Vec<_> = series.select(Selection::Last(n), at(as_of)).into_rows().collect();
            prop_assert_eq!(&last[..], &model[model.len().saturating_sub(n)..]);
        }
    }
}
