-- Imports: candles from elsewhere that are answered with. Earlier builds would leave them out, so they must not work here.
--
-- An import is the candles of one instrument, timeframe and source; a second one of the same is kept beside the first,
-- since what was answered under it stays what it was. The key of `ohlcv_imported` lacked that. Nothing wrote the table
-- until now, and a hypertable with a columnstore takes no other key, so it is made anew.

DO $$
BEGIN
    IF EXISTS (SELECT FROM ohlcv_imported) THEN
        RAISE EXCEPTION 'ohlcv_imported has rows that no onetape wrote: move them elsewhere, and import them';
    END IF;
END
$$;
DROP TABLE ohlcv_imported;

CREATE TABLE ohlcv_imported (
    symbol           TEXT        NOT NULL,
    exchange         TEXT        NOT NULL,
    source           TEXT        NOT NULL,
    import_id        TEXT        NOT NULL,
    -- Coarser than the import's: rolled up from its candles.
    timeframe        TEXT        NOT NULL,
    timestamp        TIMESTAMPTZ NOT NULL,
    -- Null where the source does not say.
    trade_count      BIGINT,
    open_price       NUMERIC     NOT NULL,
    high_price       NUMERIC     NOT NULL,
    low_price        NUMERIC     NOT NULL,
    close_price      NUMERIC     NOT NULL,
    volume           NUMERIC     NOT NULL,
    taker_buy_volume NUMERIC,
    PRIMARY KEY (symbol, exchange, source, import_id, timeframe, timestamp),
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

CREATE TABLE imports (
    import_id    TEXT        PRIMARY KEY,
    -- In the order in which they were begun: of one source, later ones are preferred.
    number       BIGINT      GENERATED ALWAYS AS IDENTITY UNIQUE,
    symbol       TEXT        NOT NULL,
    exchange     TEXT        NOT NULL,
    source       TEXT        NOT NULL,
    timeframe    TEXT        NOT NULL,
    begun_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Null until it is finished; no reader sees it before.
    finished_at  TIMESTAMPTZ,
    -- What its candles speak of, on the grid of the timeframe: a period in there without one had no trade.
    covered_from TIMESTAMPTZ,
    covered_to   TIMESTAMPTZ,
    -- The stamp under which the writer of the tape took it in; -infinity before the tape; null while it waits.
    known_from   TIMESTAMPTZ,
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d')),
    CONSTRAINT range_is_whole CHECK ((finished_at IS NULL) = (covered_from IS NULL)
        AND (finished_at IS NULL) = (covered_to IS NULL) AND covered_from <= covered_to),
    CONSTRAINT known_when_finished CHECK (known_from IS NULL OR finished_at IS NOT NULL)
);
CREATE INDEX imports_of_an_instrument ON imports (symbol, exchange);

-- Which sources are preferred, the lowest rank first; others follow by name.
CREATE TABLE import_sources (
    source TEXT    PRIMARY KEY,
    rank   INTEGER NOT NULL UNIQUE,
    CONSTRAINT rank_is_natural CHECK (rank >= 0)
);

-- Spares a read of an instrument without imports the look at them.
ALTER TABLE instruments ADD COLUMN has_imports BOOLEAN NOT NULL DEFAULT false;

-- Candles of imports that are part of answers now, with what decides between several of one period: those of their own
-- timeframe before rolled-up ones, then the rank of the source, its name, and the later import.
CREATE VIEW imported_candles AS
SELECT candle.symbol, candle.exchange, candle.timeframe, candle.timestamp, candle.source, candle.import_id,
       candle.open_price, candle.high_price, candle.low_price, candle.close_price, candle.volume,
       candle.taker_buy_volume, candle.trade_count,
       candle.timeframe <> import.timeframe AS rolled_up, coalesce(ranked.rank, 2147483647) AS source_rank,
       import.number
FROM imports AS import
JOIN ohlcv_imported AS candle
    ON candle.symbol = import.symbol AND candle.exchange = import.exchange AND candle.source = import.source
    AND candle.import_id = import.import_id
LEFT JOIN import_sources AS ranked ON ranked.source = import.source
WHERE import.finished_at IS NOT NULL AND import.known_from IS NOT NULL;

-- What is proven of the trades of each instrument by now. Of the log the last word on an instant counts: what a gap took
-- back stays away unless a later row gives it again.
CREATE VIEW trade_coverage_log AS
SELECT symbol, exchange, available_at, array_position(ARRAY['alive', 'gap', 'filled', 'unfillable'], state) AS rank,
       state IN ('alive', 'filled') AS proves, tstzrange(begin_time, end_time) AS span
FROM stream_coverage_runs
WHERE stream = 'trades'
UNION ALL
SELECT symbol, exchange, furthest_at, 1, true, tstzrange(begin_time, furthest_end)
FROM stream_coverage_runs
WHERE stream = 'trades' AND state = 'alive' AND furthest_at < available_at;

CREATE VIEW trade_coverage AS
SELECT log.symbol, log.exchange,
       coalesce(range_agg(log.span) FILTER (WHERE log.proves), '{}')
           - coalesce(range_agg(lost.span), '{}') AS covered
FROM trade_coverage_log AS log
LEFT JOIN LATERAL (
    SELECT tstzmultirange(log.span) - coalesce(range_agg(later.span), '{}') AS span
    FROM trade_coverage_log AS later
    WHERE NOT log.proves AND later.symbol = log.symbol AND later.exchange = log.exchange AND later.proves
      AND (later.available_at, later.rank) > (log.available_at, log.rank) AND later.span && log.span
) AS lost ON NOT log.proves
GROUP BY log.symbol, log.exchange;

-- The first design's one table of candles: one a period, by what is known now. In this order: made here of trades that
-- are all there, imported, made here of trades of which some are missing; `complete` tells the last from the others.
-- Indicators are those of candles made here, of a minute and longer.
CREATE OR REPLACE VIEW ohlcv_data AS
SELECT derived.timestamp, derived.symbol, derived.timeframe, derived.open_price, derived.high_price,
       derived.low_price, derived.close_price, derived.volume, derived.trade_count,
       indicators.rsi_14, indicators.macd, indicators.macd_signal,
       indicators.bb_upper, indicators.bb_middle, indicators.bb_lower,
       derived.exchange, 'derived' AS source, derived.taker_buy_volume, derived.revision, derived.known_from,
       coalesce(coverage.covered @> tstzrange(derived.timestamp, derived.timestamp + derived.length), false) AS complete
FROM (
    SELECT '1s' AS timeframe, INTERVAL '1 second' AS length, * FROM ohlcv_1s
    UNION ALL SELECT '1m', INTERVAL '1 minute', * FROM ohlcv_1m
    UNION ALL SELECT '5m', INTERVAL '5 minutes', * FROM ohlcv_5m
    UNION ALL SELECT '15m', INTERVAL '15 minutes', * FROM ohlcv_15m
    UNION ALL SELECT '1h', INTERVAL '1 hour', * FROM ohlcv_1h
    UNION ALL SELECT '1d', INTERVAL '24 hours', * FROM ohlcv_1d
) AS derived
LEFT JOIN trade_coverage AS coverage ON coverage.symbol = derived.symbol AND coverage.exchange = derived.exchange
LEFT JOIN LATERAL (
    SELECT rsi_14, macd, macd_signal, bb_upper, bb_middle, bb_lower
    FROM ohlcv_indicators AS version
    WHERE version.symbol = derived.symbol AND version.exchange = derived.exchange
      AND version.timeframe = derived.timeframe AND version.timestamp = derived.timestamp
    ORDER BY feature_version DESC, known_from DESC
    LIMIT 1
) AS indicators ON true
WHERE coverage.covered @> tstzrange(derived.timestamp, derived.timestamp + derived.length)
   OR NOT EXISTS (
       SELECT FROM imported_candles AS imported
       WHERE imported.symbol = derived.symbol AND imported.exchange = derived.exchange
         AND imported.timeframe = derived.timeframe AND imported.timestamp = derived.timestamp
   )
UNION ALL
SELECT imported.timestamp, imported.symbol, imported.timeframe, imported.open_price, imported.high_price,
       imported.low_price, imported.close_price, imported.volume, imported.trade_count,
       NULL, NULL, NULL, NULL, NULL, NULL,
       imported.exchange, imported.source, imported.taker_buy_volume, NULL, NULL, true
FROM imported_candles AS imported
LEFT JOIN trade_coverage AS coverage ON coverage.symbol = imported.symbol AND coverage.exchange = imported.exchange
WHERE NOT EXISTS (
    SELECT FROM imported_candles AS better
    WHERE better.symbol = imported.symbol AND better.exchange = imported.exchange
      AND better.timeframe = imported.timeframe AND better.timestamp = imported.timestamp
      AND (better.rolled_up, better.source_rank, better.source COLLATE "C", -better.number)
          < (imported.rolled_up, imported.source_rank, imported.source COLLATE "C", -imported.number)
)
AND NOT EXISTS (
    SELECT FROM (
        SELECT '1s' AS timeframe, INTERVAL '1 second' AS length, symbol, exchange, timestamp FROM ohlcv_1s
        UNION ALL SELECT '1m', INTERVAL '1 minute', symbol, exchange, timestamp FROM ohlcv_1m
        UNION ALL SELECT '5m', INTERVAL '5 minutes', symbol, exchange, timestamp FROM ohlcv_5m
        UNION ALL SELECT '15m', INTERVAL '15 minutes', symbol, exchange, timestamp FROM ohlcv_15m
        UNION ALL SELECT '1h', INTERVAL '1 hour', symbol, exchange, timestamp FROM ohlcv_1h
        UNION ALL SELECT '1d', INTERVAL '24 hours', symbol, exchange, timestamp FROM ohlcv_1d
    ) AS derived
    WHERE derived.symbol = imported.symbol AND derived.exchange = imported.exchange
      AND derived.timeframe = imported.timeframe AND derived.timestamp = imported.timestamp
      AND coverage.covered @> tstzrange(derived.timestamp, derived.timestamp + derived.length)
);
