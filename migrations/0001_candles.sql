-- Candles of the six timeframes, one table each: they differ in chunk length, compression and retention.
--
-- Conventions of every table here:
-- * `timestamp` is the row's own time (open time, event time, second), as in the first design; every other time has a name.
-- * Keys lead with symbol and exchange and go on with time. Rows are only ever reached by key, so there is no other index.
-- * Prices and sizes are NUMERIC of at most 12 decimals and 28 digits, which the CHECKs enforce: a reader's 96-bit decimals
--   then hold every value exactly. `x < 1e28` also refuses NaN and infinity, which sort above all numbers.
-- * A row may not claim to have been known before it began: reads as of an instant stop at that instant.

CREATE EXTENSION IF NOT EXISTS timescaledb;

CREATE TABLE ohlcv_1s (
    symbol           TEXT        NOT NULL,
    exchange         TEXT        NOT NULL,
    timestamp        TIMESTAMPTZ NOT NULL,
    known_from       TIMESTAMPTZ NOT NULL,
    first_event_time TIMESTAMPTZ NOT NULL,
    first_sequence   BIGINT      NOT NULL,
    first_index      BIGINT      NOT NULL,
    last_event_time  TIMESTAMPTZ NOT NULL,
    last_sequence    BIGINT      NOT NULL,
    last_index       BIGINT      NOT NULL,
    trade_count      BIGINT      NOT NULL,
    revision         INTEGER     NOT NULL,
    open_price       NUMERIC     NOT NULL,
    high_price       NUMERIC     NOT NULL,
    low_price        NUMERIC     NOT NULL,
    close_price      NUMERIC     NOT NULL,
    volume           NUMERIC     NOT NULL,
    taker_buy_volume NUMERIC,
    PRIMARY KEY (symbol, exchange, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
    CONSTRAINT open_is_exact CHECK (open_price > 0 AND open_price < 1e28 AND scale(open_price) <= 12
        AND (open_price < 1e16 OR open_price < power(10::numeric, 28 - scale(open_price)))),
    CONSTRAINT high_is_exact CHECK (high_price > 0 AND high_price < 1e28 AND scale(high_price) <= 12
        AND (high_price < 1e16 OR high_price < power(10::numeric, 28 - scale(high_price)))),
    CONSTRAINT low_is_exact CHECK (low_price > 0 AND low_price < 1e28 AND scale(low_price) <= 12
        AND (low_price < 1e16 OR low_price < power(10::numeric, 28 - scale(low_price)))),
    CONSTRAINT close_is_exact CHECK (close_price > 0 AND close_price < 1e28 AND scale(close_price) <= 12
        AND (close_price < 1e16 OR close_price < power(10::numeric, 28 - scale(close_price)))),
    CONSTRAINT volume_is_exact CHECK (volume >= 0 AND volume < 1e28 AND scale(volume) <= 12
        AND (volume < 1e16 OR volume < power(10::numeric, 28 - scale(volume)))),
    CONSTRAINT taker_buy_volume_is_exact CHECK (taker_buy_volume >= 0 AND taker_buy_volume <= volume
        AND scale(taker_buy_volume) <= 12
        AND (taker_buy_volume < 1e16 OR taker_buy_volume < power(10::numeric, 28 - scale(taker_buy_volume)))),
    CONSTRAINT prices_are_in_order CHECK (low_price <= open_price AND low_price <= close_price
        AND high_price >= open_price AND high_price >= close_price)
);

CREATE TABLE ohlcv_1m (LIKE ohlcv_1s INCLUDING ALL);
CREATE TABLE ohlcv_5m (LIKE ohlcv_1s INCLUDING ALL);
CREATE TABLE ohlcv_15m (LIKE ohlcv_1s INCLUDING ALL);
CREATE TABLE ohlcv_1h (LIKE ohlcv_1s INCLUDING ALL);
CREATE TABLE ohlcv_1d (LIKE ohlcv_1s INCLUDING ALL);

-- A frame reads the last 500 rows of each: one chunk, or two.
SELECT create_hypertable('ohlcv_1s', by_range('timestamp', INTERVAL '1 day'), create_default_indexes => false);
SELECT create_hypertable('ohlcv_1m', by_range('timestamp', INTERVAL '30 days'), create_default_indexes => false);
SELECT create_hypertable('ohlcv_5m', by_range('timestamp', INTERVAL '90 days'), create_default_indexes => false);
SELECT create_hypertable('ohlcv_15m', by_range('timestamp', INTERVAL '180 days'), create_default_indexes => false);
SELECT create_hypertable('ohlcv_1h', by_range('timestamp', INTERVAL '365 days'), create_default_indexes => false);
SELECT create_hypertable('ohlcv_1d', by_range('timestamp', INTERVAL '3650 days'), create_default_indexes => false);

-- Versions that another one took the place of, known in [known_from, known_to).
CREATE TABLE ohlcv_superseded (
    timeframe TEXT        NOT NULL,
    known_to  TIMESTAMPTZ NOT NULL,
    LIKE ohlcv_1s INCLUDING CONSTRAINTS,
    PRIMARY KEY (symbol, exchange, timeframe, timestamp, revision),
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d')),
    CONSTRAINT known_to_is_later CHECK (known_to >= known_from)
);
SELECT create_hypertable('ohlcv_superseded', by_range('timestamp', INTERVAL '30 days'), create_default_indexes => false);

-- Candles as a venue or a file supplied them: never mixed with those made of trades.
CREATE TABLE ohlcv_imported (
    symbol           TEXT        NOT NULL,
    exchange         TEXT        NOT NULL,
    timeframe        TEXT        NOT NULL,
    source           TEXT        NOT NULL,
    import_id        TEXT        NOT NULL,
    timestamp        TIMESTAMPTZ NOT NULL,
    imported_at      TIMESTAMPTZ NOT NULL,
    trade_count      BIGINT,
    open_price       NUMERIC     NOT NULL,
    high_price       NUMERIC     NOT NULL,
    low_price        NUMERIC     NOT NULL,
    close_price      NUMERIC     NOT NULL,
    volume           NUMERIC     NOT NULL,
    taker_buy_volume NUMERIC,
    PRIMARY KEY (symbol, exchange, timeframe, source, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d')),
    CONSTRAINT trade_count_is_natural CHECK (trade_count >= 0),
    CONSTRAINT open_is_exact CHECK (open_price > 0 AND open_price < 1e28 AND scale(open_price) <= 12
        AND (open_price < 1e16 OR open_price < power(10::numeric, 28 - scale(open_price)))),
    CONSTRAINT high_is_exact CHECK (high_price > 0 AND high_price < 1e28 AND scale(high_price) <= 12
        AND (high_price < 1e16 OR high_price < power(10::numeric, 28 - scale(high_price)))),
    CONSTRAINT low_is_exact CHECK (low_price > 0 AND low_price < 1e28 AND scale(low_price) <= 12
        AND (low_price < 1e16 OR low_price < power(10::numeric, 28 - scale(low_price)))),
    CONSTRAINT close_is_exact CHECK (close_price > 0 AND close_price < 1e28 AND scale(close_price) <= 12
        AND (close_price < 1e16 OR close_price < power(10::numeric, 28 - scale(close_price)))),
    CONSTRAINT volume_is_exact CHECK (volume >= 0 AND volume < 1e28 AND scale(volume) <= 12
        AND (volume < 1e16 OR volume < power(10::numeric, 28 - scale(volume)))),
    CONSTRAINT taker_buy_volume_is_exact CHECK (taker_buy_volume >= 0 AND taker_buy_volume <= volume
        AND scale(taker_buy_volume) <= 12
        AND (taker_buy_volume < 1e16 OR taker_buy_volume < power(10::numeric, 28 - scale(taker_buy_volume)))),
    CONSTRAINT prices_are_in_order CHECK (low_price <= open_price AND low_price <= close_price
        AND high_price >= open_price AND high_price >= close_price)
);
SELECT create_hypertable('ohlcv_imported', by_range('timestamp', INTERVAL '30 days'), create_default_indexes => false);

-- Indicators at the close of a version; floats, since they are no prices. Null is undefined.
CREATE TABLE ohlcv_indicators (
    symbol          TEXT        NOT NULL,
    exchange        TEXT        NOT NULL,
    timeframe       TEXT        NOT NULL,
    timestamp       TIMESTAMPTZ NOT NULL,
    feature_version INTEGER     NOT NULL,
    known_from      TIMESTAMPTZ NOT NULL,
    rsi_14          DOUBLE PRECISION,
    macd            DOUBLE PRECISION,
    macd_signal     DOUBLE PRECISION,
    macd_hist       DOUBLE PRECISION,
    bb_upper        DOUBLE PRECISION,
    bb_middle       DOUBLE PRECISION,
    bb_lower        DOUBLE PRECISION,
    PRIMARY KEY (symbol, exchange, timeframe, timestamp, feature_version, known_from),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= '2009-01-01Z' AND timestamp < '2100-01-01Z'),
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d'))
);
SELECT create_hypertable('ohlcv_indicators', by_range('timestamp', INTERVAL '30 days'), create_default_indexes => false);

-- The first design's one table of candles. Its indicator columns are null until indicators are written at close.
CREATE VIEW ohlcv_data AS
SELECT timestamp, symbol, timeframe, open_price, high_price, low_price, close_price, volume, trade_count,
       NULL::double precision AS rsi_14, NULL::double precision AS macd, NULL::double precision AS macd_signal,
       NULL::double precision AS bb_upper, NULL::double precision AS bb_middle, NULL::double precision AS bb_lower,
       exchange, source, taker_buy_volume, revision, known_from
FROM (
    SELECT '1s' AS timeframe, 'derived' AS source, * FROM ohlcv_1s
    UNION ALL SELECT '1m', 'derived', * FROM ohlcv_1m
    UNION ALL SELECT '5m', 'derived', * FROM ohlcv_5m
    UNION ALL SELECT '15m', 'derived', * FROM ohlcv_15m
    UNION ALL SELECT '1h', 'derived', * FROM ohlcv_1h
    UNION ALL SELECT '1d', 'derived', * FROM ohlcv_1d
) AS candle;
