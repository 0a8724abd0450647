//! The hypertables, and how each is laid out in the columnstore: fixed here, since reads and late writes rely on it.

use onetape_domain::time::Timeframe;

/// A hypertable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The column it is cut into chunks by.
    pub(crate) time: &'static str,
    /// What rows of one compressed segment have in common: what every read names.
    pub(crate) segmentby: &'static str,
    /// The rest of the key, so that a late row finds the few batches it may collide with.
    pub(crate) orderby: &'static str,
}

const fn by_instrument(name: &'static str, orderby: &'static str) -> Table {
    Table { name, time: "timestamp", segmentby: "symbol,exchange", orderby }
}

/// All of them, in the order of the settings file.
pub(crate) static TABLES: [Table; 14] = [
    by_instrument("ohlcv_1s", "timestamp"),
    by_instrument("ohlcv_1m", "timestamp"),
    by_instrument("ohlcv_5m", "timestamp"),
    by_instrument("ohlcv_15m", "timestamp"),
    by_instrument("ohlcv_1h", "timestamp"),
    by_instrument("ohlcv_1d", "timestamp"),
    Table {
        segmentby: "symbol,exchange,timeframe",
        ..by_instrument("ohlcv_superseded", "timestamp,revision")
    },
    Table {
        segmentby: "symbol,exchange,source,import_id,timeframe",
        ..by_instrument("ohlcv_imported", "timestamp")
    },
    Table {
        segmentby: "symbol,exchange,timeframe",
        ..by_instrument("ohlcv_indicators", "timestamp,feature_version,known_from")
    },
    by_instrument("trade_events", "timestamp,sequence,message_index"),
    by_instrument("order_book_snapshots", "timestamp,available_at"),
    by_instrument("order_book_1s_agg", "timestamp,available_at,price_bucket"),
    by_instrument("order_book_imbalances", "timestamp"),
    Table {
        time: "available_at",
        ..by_instrument("stream_coverage", "available_at,stream,state,begin_time,end_time,reason")
    },
];

/// Rolled-up candles under the names of the first design: continuous aggregates, or views of our own tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aggregate {
    pub(crate) timeframe: Timeframe,
    pub(crate) name: &'static str,
    /// Our own table of the same candles.
    pub(crate) table: &'static str,
    /// Our own table of the next finer candles.
    pub(crate) finer: &'static str,
    /// What the continuous aggregate is made of.
    pub(crate) source: &'static str,
    /// Length of a candle, as SQL writes it.
    pub(crate) width: &'static str,
}

/// From fine to coarse: each is made of the one before.
pub(crate) static AGGREGATES: [Aggregate; 5] = [
    Aggregate {
        timeframe: Timeframe::M1,
        name: "ohlcv_1m_continuous",
        table: "ohlcv_1m",
        finer: "ohlcv_1s",
        source: "ohlcv_1s",
        width: "1 minute",
    },
    Aggregate {
        timeframe: Timeframe::M5,
        name: "ohlcv_5m_continuous",
        table: "ohlcv_5m",
        finer: "ohlcv_1m",
        source: "ohlcv_1m_continuous",
        width: "5 minutes",
    },
    Aggregate {
        timeframe: Timeframe::M15,
        name: "ohlcv_15m_continuous",
        table: "ohlcv_15m",
        finer: "ohlcv_5m",
        source: "ohlcv_5m_continuous",
        width: "15 minutes",
    },
    Aggregate {
        timeframe: Timeframe::H1,
        name: "ohlcv_1h_continuous",
        table: "ohlcv_1h",
        finer: "ohlcv_15m",
        source: "ohlcv_15m_continuous",
        width: "1 hour",
    },
    Aggregate {
        timeframe: Timeframe::D1,
        name: "ohlcv_1d_continuous",
        table: "ohlcv_1d",
        finer: "ohlcv_1h",
        source: "ohlcv_1h_continuous",
        width: "1 day",
    },
];

impl Aggregate {
    /// A statement of a file, written for names that begin with `the_`, for this aggregate.
    pub(crate) fn statement(&self, text: &str) -> String {
        text.replace("the_aggregate", self.name)
            .replace("the_own", self.table)
            .replace("the_finer", self.finer)
            .replace("the_source", self.source)
            .replace("the_width", self.width)
            .replace("the_timeframe", self.timeframe.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregates_are_those_of_every_timeframe_but_the_first() {
        let timeframes = AGGREGATES.map(|aggregate| aggregate.timeframe);
        assert_eq!(timeframes[..], Timeframe::ALL[1..]);
        for (aggregate, finer) in AGGREGATES.iter().zip(&TABLES) {
            assert_eq!(aggregate.finer, finer.name);
            assert_eq!(aggregate.name, format!("ohlcv_{}_continuous", aggregate.timeframe));
        }
    }
}
