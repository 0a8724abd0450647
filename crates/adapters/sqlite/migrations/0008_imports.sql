-- Candles from elsewhere: imports, their candles, and which sources are preferred.

CREATE TABLE imports (
    -- In the order in which they were begun; never given twice.
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    import_id    TEXT    NOT NULL UNIQUE,
    instrument   INTEGER NOT NULL REFERENCES instruments (id),
    source       TEXT    NOT NULL,
    timeframe    TEXT    NOT NULL,
    -- No reader sees it until it is finished. Then it stands before the tape, waits for its writer, or was taken in.
    place        TEXT    NOT NULL DEFAULT 'unfinished',
    -- The stamp under which it was taken in.
    known_from   INTEGER,
    -- What its candles speak of: a period in there without one had no trade.
    covered_from INTEGER,
    covered_to   INTEGER,
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d')),
    CONSTRAINT place_is_known CHECK (place IN ('unfinished', 'before', 'waiting', 'at')),
    CONSTRAINT stamp_fits_place CHECK ((place = 'at') = (known_from IS NOT NULL)),
    CONSTRAINT range_is_whole CHECK ((place = 'unfinished') = (covered_from IS NULL)
        AND (place = 'unfinished') = (covered_to IS NULL) AND (covered_from IS NULL OR covered_from <= covered_to))
) STRICT;
CREATE INDEX imports_of_an_instrument ON imports (instrument);

CREATE TABLE ohlcv_imported (
    import           INTEGER NOT NULL REFERENCES imports (number),
    -- Coarser than the import's: rolled up from its candles.
    timeframe        TEXT    NOT NULL,
    timestamp        INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    -- Null where the source does not say.
    trade_count      INTEGER,
    PRIMARY KEY (import, timeframe, timestamp),
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d')),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT trade_count_is_natural CHECK (trade_count >= 0),
    CONSTRAINT open_is_exact CHECK (open_price <> '0' AND open_price >= '0' AND open_price NOT BETWEEN '00' AND '09~' AND open_price NOT GLOB '*[^0-9.]*'
        AND open_price NOT GLOB '*.*.*' AND open_price NOT GLOB '*.' AND open_price NOT GLOB '*.*0'
        AND (length(open_price) <= 14 OR (length(open_price) - (instr(open_price, '.') > 0) <= 28
            AND (instr(open_price, '.') = 0 OR length(open_price) - instr(open_price, '.') <= 12)))),
    CONSTRAINT high_is_exact CHECK (high_price <> '0' AND high_price >= '0' AND high_price NOT BETWEEN '00' AND '09~' AND high_price NOT GLOB '*[^0-9.]*'
        AND high_price NOT GLOB '*.*.*' AND high_price NOT GLOB '*.' AND high_price NOT GLOB '*.*0'
        AND (length(high_price) <= 14 OR (length(high_price) - (instr(high_price, '.') > 0) <= 28
            AND (instr(high_price, '.') = 0 OR length(high_price) - instr(high_price, '.') <= 12)))),
    CONSTRAINT low_is_exact CHECK (low_price <> '0' AND low_price >= '0' AND low_price NOT BETWEEN '00' AND '09~' AND low_price NOT GLOB '*[^0-9.]*'
        AND low_price NOT GLOB '*.*.*' AND low_price NOT GLOB '*.' AND low_price NOT GLOB '*.*0'
        AND (length(low_price) <= 14 OR (length(low_price) - (instr(low_price, '.') > 0) <= 28
            AND (instr(low_price, '.') = 0 OR length(low_price) - instr(low_price, '.') <= 12)))),
    CONSTRAINT close_is_exact CHECK (close_price <> '0' AND close_price >= '0' AND close_price NOT BETWEEN '00' AND '09~' AND close_price NOT GLOB '*[^0-9.]*'
        AND close_price NOT GLOB '*.*.*' AND close_price NOT GLOB '*.' AND close_price NOT GLOB '*.*0'
        AND (length(close_price) <= 14 OR (length(close_price) - (instr(close_price, '.') > 0) <= 28
            AND (instr(close_price, '.') = 0 OR length(close_price) - instr(close_price, '.') <= 12)))),
    CONSTRAINT volume_is_exact CHECK (volume >= '0' AND volume NOT BETWEEN '00' AND '09~' AND volume NOT GLOB '*[^0-9.]*'
        AND volume NOT GLOB '*.*.*' AND volume NOT GLOB '*.' AND volume NOT GLOB '*.*0'
        AND (length(volume) <= 14 OR (length(volume) - (instr(volume, '.') > 0) <= 28
            AND (instr(volume, '.') = 0 OR length(volume) - instr(volume, '.') <= 12)))),
    CONSTRAINT taker_buy_volume_is_exact CHECK (taker_buy_volume >= '0' AND taker_buy_volume NOT BETWEEN '00' AND '09~' AND taker_buy_volume NOT GLOB '*[^0-9.]*'
        AND taker_buy_volume NOT GLOB '*.*.*' AND taker_buy_volume NOT GLOB '*.' AND taker_buy_volume NOT GLOB '*.*0'
        AND (length(taker_buy_volume) <= 14 OR (length(taker_buy_volume) - (instr(taker_buy_volume, '.') > 0) <= 28
            AND (instr(taker_buy_volume, '.') = 0 OR length(taker_buy_volume) - instr(taker_buy_volume, '.') <= 12))))
) WITHOUT ROWID, STRICT;

-- The lowest rank first; others follow by name.
CREATE TABLE import_sources (
    source TEXT    PRIMARY KEY,
    rank   INTEGER NOT NULL UNIQUE,
    CONSTRAINT rank_is_natural CHECK (rank >= 0)
) STRICT;
