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
