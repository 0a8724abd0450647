-- Trades, in the order in which they open and close candles: time, the venue's sequence, place in the message.

CREATE TABLE trade_events (
    symbol         TEXT        NOT NULL,
    exchange       TEXT        NOT NULL,
    timestamp      TIMESTAMPTZ NOT NULL,
    sequence       BIGINT      NOT NULL,
    message_index  BIGINT      NOT NULL,
    received_at    TIMESTAMPTZ NOT NULL,
    available_at   TIMESTAMPTZ NOT NULL,
    first_trade_id BIGINT,
    last_trade_id  BIGINT,
    price          NUMERIC     NOT NULL,
    size           NUMERIC     NOT NULL,
    side           TEXT        NOT NULL,
    trade_id       TEXT        NOT NULL,
    PRIMARY KEY (symbol, exchange, timestamp, sequence, message_index),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT price_is_exact CHECK (price > 0 AND price < 1e28 AND scale(price) <= 12
        AND (price < 1e16 OR price < power(10::numeric, 28 - scale(price)))),
    CONSTRAINT size_is_exact CHECK (size > 0 AND size < 1e28 AND scale(size) <= 12
        AND (size < 1e16 OR size < power(10::numeric, 28 - scale(size)))),
    CONSTRAINT side_is_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT aggregate_is_whole CHECK ((first_trade_id IS NULL) = (last_trade_id IS NULL))
);
SELECT create_hypertable('trade_events', by_range('timestamp', INTERVAL '1 day'), create_default_indexes => false);
