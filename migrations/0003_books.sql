-- Sampled books, their price buckets and imbalances. `timestamp` is the start of the sampled second.

-- Prices and sizes of the levels, best first, are integers in units of 10^-scale; the scales are the row's own.
-- A row whose numbers do not fit 64 bits that way keeps all its levels in `wide_levels` instead, as text:
-- {"bids": [["price", "size"], …], "asks": …}.
CREATE TABLE order_book_snapshots (
    symbol       TEXT        NOT NULL,
    exchange     TEXT        NOT NULL,
    timestamp    TIMESTAMPTZ NOT NULL,
    available_at TIMESTAMPTZ NOT NULL,
    event_time   TIMESTAMPTZ NOT NULL,
    received_at  TIMESTAMPTZ NOT NULL,
    sequence     BIGINT      NOT NULL,
    price_scale  SMALLINT    NOT NULL,
    size_scale   SMALLINT    NOT NULL,
    early        BOOLEAN     NOT NULL,
    partial      BOOLEAN     NOT NULL,
    covered      BOOLEAN     NOT NULL,
    bucket_size  NUMERIC     NOT NULL,
    mid_price    NUMERIC,
    spread       NUMERIC,
    bid_volume   NUMERIC     NOT NULL,
    ask_volume   NUMERIC     NOT NULL,
    bid_prices   BIGINT[]    NOT NULL,
    bid_sizes    BIGINT[]    NOT NULL,
    ask_prices   BIGINT[]    NOT NULL,
    ask_sizes    BIGINT[]    NOT NULL,
    wide_levels  JSONB,
    PRIMARY KEY (symbol, exchange, timestamp, available_at),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT available_after_second CHECK (available_at >= timestamp),
    CONSTRAINT scales_are_sane CHECK (price_scale BETWEEN 0 AND 12 AND size_scale BETWEEN 0 AND 12),
    CONSTRAINT sides_are_whole CHECK (cardinality(bid_prices) = cardinality(bid_sizes)
        AND cardinality(ask_prices) = cardinality(ask_sizes)),
    CONSTRAINT bucket_size_is_exact CHECK (bucket_size > 0 AND bucket_size < 1e28 AND scale(bucket_size) <= 12
        AND (bucket_size < 1e16 OR bucket_size < power(10::numeric, 28 - scale(bucket_size)))),
    CONSTRAINT mid_price_is_positive CHECK (mid_price > 0 AND mid_price < 1e28),
    CONSTRAINT spread_is_positive CHECK (spread > 0 AND spread < 1e28),
    CONSTRAINT bid_volume_is_finite CHECK (bid_volume >= 0 AND bid_volume < 1e29),
    CONSTRAINT ask_volume_is_finite CHECK (ask_volume >= 0 AND ask_volume < 1e29)
);
SELECT create_hypertable('order_book_snapshots', by_range('timestamp', INTERVAL '1 day'), create_default_indexes => false);

-- One row a level, best first from 1.
CREATE VIEW order_book_levels AS
SELECT book.symbol, book.exchange, book.timestamp, book.available_at, level.side, level.level, level.price, level.size
FROM order_book_snapshots AS book
CROSS JOIN LATERAL (
    SELECT 'bid' AS side, ordinality AS level,
           trim_scale(price * ('1e-' || book.price_scale)::numeric) AS price,
           trim_scale(size * ('1e-' || book.size_scale)::numeric) AS size
    FROM unnest(book.bid_prices, book.bid_sizes) WITH ORDINALITY AS bid (price, size, ordinality)
    UNION ALL
    SELECT 'ask', ordinality,
           trim_scale(price * ('1e-' || book.price_scale)::numeric),
           trim_scale(size * ('1e-' || book.size_scale)::numeric)
    FROM unnest(book.ask_prices, book.ask_sizes) WITH ORDINALITY AS ask (price, size, ordinality)
    UNION ALL
    SELECT 'bid', ordinality, (pair ->> 0)::numeric, (pair ->> 1)::numeric
    FROM jsonb_array_elements(book.wide_levels -> 'bids') WITH ORDINALITY AS bid (pair, ordinality)
    UNION ALL
    SELECT 'ask', ordinality, (pair ->> 0)::numeric, (pair ->> 1)::numeric
    FROM jsonb_array_elements(book.wide_levels -> 'asks') WITH ORDINALITY AS ask (pair, ordinality)
) AS level;

-- Buckets of each sample; `partial` is that of the sample.
CREATE TABLE order_book_1s_agg (
    symbol       TEXT        NOT NULL,
    exchange     TEXT        NOT NULL,
    timestamp    TIMESTAMPTZ NOT NULL,
    available_at TIMESTAMPTZ NOT NULL,
    bid_count    INTEGER     NOT NULL,
    ask_count    INTEGER     NOT NULL,
    partial      BOOLEAN     NOT NULL,
    price_bucket NUMERIC     NOT NULL,
    bucket_size  NUMERIC     NOT NULL,
    bid_volume   NUMERIC     NOT NULL,
    ask_volume   NUMERIC     NOT NULL,
    imbalance    NUMERIC,
    PRIMARY KEY (symbol, exchange, timestamp, available_at, price_bucket),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT available_after_second CHECK (available_at >= timestamp),
    CONSTRAINT price_bucket_is_finite CHECK (price_bucket >= 0 AND price_bucket < 1e28),
    CONSTRAINT bucket_size_is_positive CHECK (bucket_size > 0 AND bucket_size < 1e28),
    CONSTRAINT volumes_are_finite CHECK (bid_volume >= 0 AND bid_volume < 1e29 AND ask_volume >= 0 AND ask_volume < 1e29),
    CONSTRAINT imbalance_is_bounded CHECK (imbalance BETWEEN -1 AND 1)
);
SELECT create_hypertable('order_book_1s_agg', by_range('timestamp', INTERVAL '1 day'), create_default_indexes => false);

-- Imbalances of wholly covered seconds. Null is undefined.
CREATE TABLE order_book_imbalances (
    symbol               TEXT        NOT NULL,
    exchange             TEXT        NOT NULL,
    timestamp            TIMESTAMPTZ NOT NULL,
    available_at         TIMESTAMPTZ NOT NULL,
    imbalance_1s         NUMERIC,
    imbalance_5s         NUMERIC,
    imbalance_15s        NUMERIC,
    imbalance_60s        NUMERIC,
    volume_imbalance_1s  NUMERIC,
    volume_imbalance_5s  NUMERIC,
    volume_imbalance_15s NUMERIC,
    volume_imbalance_60s NUMERIC,
    price_range          NUMERIC,
    bid_volume           NUMERIC     NOT NULL,
    ask_volume           NUMERIC     NOT NULL,
    PRIMARY KEY (symbol, exchange, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT available_after_second CHECK (available_at >= timestamp),
    CONSTRAINT imbalances_are_bounded CHECK (imbalance_1s BETWEEN -1 AND 1 AND imbalance_5s BETWEEN -1 AND 1
        AND imbalance_15s BETWEEN -1 AND 1 AND imbalance_60s BETWEEN -1 AND 1
        AND volume_imbalance_1s BETWEEN -1 AND 1 AND volume_imbalance_5s BETWEEN -1 AND 1
        AND volume_imbalance_15s BETWEEN -1 AND 1 AND volume_imbalance_60s BETWEEN -1 AND 1),
    CONSTRAINT price_range_is_finite CHECK (price_range > 0 AND price_range < 1e28),
    CONSTRAINT volumes_are_finite CHECK (bid_volume >= 0 AND bid_volume < 1e29 AND ask_volume >= 0 AND ask_volume < 1e29)
);
SELECT create_hypertable('order_book_imbalances', by_range('timestamp', INTERVAL '1 day'), create_default_indexes => false);
