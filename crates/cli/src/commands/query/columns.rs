//! Columns of each kind of row.

use onetape::domain::bucket::SampledBucket;
use onetape::domain::coverage::CoverageRow;
use onetape::domain::decimal::canonical;
use onetape::domain::imbalance::Imbalances;
use onetape::domain::trade::Trade;
use onetape::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use crate::output::rows::Columns;

fn value<T: Serialize>(row: &T) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

pub(crate) const CANDLES: Columns<Candle> = Columns {
    header: &["timestamp", "open", "high", "low", "close", "volume", "trade_count", "state"],
    spare: &["state", "trade_count", "open", "volume", "low", "high"],
    fields: |candle| {
        let ohlcv = candle.ohlcv();
        let mut fields = vec![candle.open_time().to_string()];
        fields.extend([ohlcv.open, ohlcv.high, ohlcv.low, ohlcv.close].map(|price| price.to_string()));
        fields.extend([
            ohlcv.volume.to_string(),
            ohlcv.trade_count.map(|count| count.to_string()).unwrap_or_default(),
            candle.state().as_str().into(),
        ]);
        fields
    },
    json: value,
};

pub(crate) const TRADES: Columns<Trade> = Columns {
    header: &[
        "timestamp",
        "trade_id",
        "price",
        "size",
        "side",
        "first_id",
        "last_id",
        "trade_count",
        "received_at",
        "available_at",
    ],
    spare: &["received_at", "first_id", "last_id", "trade_count", "available_at", "trade_id"],
    fields: |trade| {
        let id = |id: Option<i64>| id.map(|id| id.to_string()).unwrap_or_default();
        vec![
            trade.key.event_time.to_string(),
            trade.trade_id.to_string(),
            trade.price.to_string(),
            trade.size.to_string(),
            trade.side.to_string(),
            id(trade.aggregate.map(|ids| ids.first)),
            id(trade.aggregate.map(|ids| ids.last)),
            trade.trade_count().to_string(),
            trade.received_at.to_string(),
            trade.available_at.to_string(),
        ]
    },
    json: value,
};

pub(crate) const IMBALANCES: Columns<Imbalances> = Columns {
    header: &[
        "timestamp",
        "imbalance_1s",
        "imbalance_5s",
        "imbalance_15s",
        "imbalance_60s",
        "volume_imbalance_1s",
        "volume_imbalance_5s",
        "volume_imbalance_15s",
        "volume_imbalance_60s",
        "price_range",
    ],
    spare: &[
        "volume_imbalance_1s",
        "price_range",
        "volume_imbalance_15s",
        "imbalance_15s",
        "volume_imbalance_5s",
        "imbalance_5s",
        "volume_imbalance_60s",
        "imbalance_60s",
    ],
    fields: |row| {
        let numbers = [
            row.imbalance_1s,
            row.imbalance_5s,
            row.imbalance_15s,
            row.imbalance_60s,
            row.volume_imbalance_1s,
            row.volume_imbalance_5s,
            row.volume_imbalance_15s,
            row.volume_imbalance_60s,
            row.price_range,
        ];
        let texts = numbers.map(|number| number.map(canonical).unwrap_or_default());
        std::iter::once(row.second.to_string()).chain(texts).collect()
    },
    json: value,
};

pub(crate) const BUCKETS: Columns<SampledBucket> = Columns {
    header: &[
        "timestamp",
        "price_bucket",
        "bucket_size",
        "bid_volume",
        "bid_count",
        "ask_volume",
        "ask_count",
        "imbalance",
    ],
    spare: &["bucket_size", "ask_count", "bid_count", "imbalance"],
    fields: |SampledBucket { second, bucket, .. }| {
        vec![
            second.to_string(),
            canonical(bucket.price),
            bucket.size.to_string(),
            bucket.bid_volume.to_string(),
            bucket.bid_count.to_string(),
            bucket.ask_volume.to_string(),
            bucket.ask_count.to_string(),
            bucket.imbalance().map(canonical).unwrap_or_default(),
        ]
    },
    json: |SampledBucket { second, bucket, .. }| {
        let mut object = value(bucket);
        object["second"] = json!(second);
        object["imbalance"] = json!(bucket.imbalance().map(canonical));
        object
    },
};

pub(crate) const COVERAGE: Columns<CoverageRow> = Columns {
    header: &["stream", "begin", "end", "state", "reason", "available_at"],
    spare: &["available_at", "reason"],
    fields: |row| {
        vec![
            row.stream.to_string(),
            row.begin.to_string(),
            row.end.to_string(),
            row.state.as_str().to_owned(),
            row.reason.clone(),
            row.available_at.to_string(),
        ]
    },
    json: value,
};
