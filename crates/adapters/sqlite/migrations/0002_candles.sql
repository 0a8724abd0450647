-- Candles of the six timeframes, one table each, and the versions that others took the place of.
--
-- That prices are in order and the taker's volume is not above the whole, a comparison of text cannot tell: whoever
-- writes and whoever reads checks it.

CREATE TABLE ohlcv_1s (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

CREATE TABLE ohlcv_1m (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

CREATE TABLE ohlcv_5m (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

CREATE TABLE ohlcv_15m (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

CREATE TABLE ohlcv_1h (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

CREATE TABLE ohlcv_1d (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

-- Known in [known_from, known_to).
CREATE TABLE ohlcv_superseded (
    instrument       INTEGER NOT NULL REFERENCES instruments (id),
    timeframe        TEXT    NOT NULL,
    known_to         INTEGER NOT NULL,
    timestamp        INTEGER NOT NULL,
    known_from       INTEGER NOT NULL,
    first_event_time INTEGER NOT NULL,
    first_sequence   INTEGER NOT NULL,
    first_index      INTEGER NOT NULL,
    last_event_time  INTEGER NOT NULL,
    last_sequence    INTEGER NOT NULL,
    last_index       INTEGER NOT NULL,
    trade_count      INTEGER NOT NULL,
    revision         INTEGER NOT NULL,
    open_price       TEXT    NOT NULL,
    high_price       TEXT    NOT NULL,
    low_price        TEXT    NOT NULL,
    close_price      TEXT    NOT NULL,
    volume           TEXT    NOT NULL,
    taker_buy_volume TEXT,
    PRIMARY KEY (instrument, timeframe, timestamp, revision),
    CONSTRAINT timeframe_is_known CHECK (timeframe IN ('1s', '1m', '5m', '15m', '1h', '1d')),
    CONSTRAINT known_to_is_later CHECK (known_to >= known_from),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT known_after_open CHECK (known_from >= timestamp),
    CONSTRAINT revision_is_positive CHECK (revision >= 1),
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

-- The first design's one table of candles. Its indicator columns are null: they are calculated when read.
CREATE VIEW ohlcv_data AS
SELECT timestamp, symbol, timeframe, open_price, high_price, low_price, close_price, volume, trade_count,
       NULL AS rsi_14, NULL AS macd, NULL AS macd_signal, NULL AS bb_upper, NULL AS bb_middle, NULL AS bb_lower,
       exchange, 'derived' AS source, taker_buy_volume, revision, known_from
FROM (
    SELECT '1s' AS timeframe, * FROM ohlcv_1s
    UNION ALL SELECT '1m' AS timeframe, * FROM ohlcv_1m
    UNION ALL SELECT '5m' AS timeframe, * FROM ohlcv_5m
    UNION ALL SELECT '15m' AS timeframe, * FROM ohlcv_15m
    UNION ALL SELECT '1h' AS timeframe, * FROM ohlcv_1h
    UNION ALL SELECT '1d' AS timeframe, * FROM ohlcv_1d
) AS candle
JOIN instruments ON instruments.id = candle.instrument;
