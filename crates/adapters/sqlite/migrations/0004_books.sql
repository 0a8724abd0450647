-- Sampled books and imbalances. `timestamp` is the start of the sampled second.

-- The levels of both sides, packed: see `levels.rs` in the adapter. What is asked of a book in SQL stands beside them:
-- the best prices, and the volume of all levels of a side. Buckets follow from the levels and are not stored.
CREATE TABLE order_book_snapshots (
    instrument   INTEGER NOT NULL REFERENCES instruments (id),
    timestamp    INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    event_time   INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    sequence     INTEGER NOT NULL,
    early        INTEGER NOT NULL,
    partial      INTEGER NOT NULL,
    covered      INTEGER NOT NULL,
    bucket_size  TEXT    NOT NULL,
    best_bid     TEXT,
    best_ask     TEXT,
    bid_volume   TEXT    NOT NULL,
    ask_volume   TEXT    NOT NULL,
    levels       BLOB    NOT NULL,
    PRIMARY KEY (instrument, timestamp, available_at),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT available_after_second CHECK (available_at >= timestamp),
    CONSTRAINT flags_are_flags CHECK (early IN (0, 1) AND partial IN (0, 1) AND covered IN (0, 1)),
    CONSTRAINT bucket_size_is_exact CHECK (bucket_size <> '0' AND bucket_size >= '0' AND bucket_size NOT BETWEEN '00' AND '09~' AND bucket_size NOT GLOB '*[^0-9.]*'
        AND bucket_size NOT GLOB '*.*.*' AND bucket_size NOT GLOB '*.' AND bucket_size NOT GLOB '*.*0'
        AND (length(bucket_size) <= 14 OR (length(bucket_size) - (instr(bucket_size, '.') > 0) <= 28
            AND (instr(bucket_size, '.') = 0 OR length(bucket_size) - instr(bucket_size, '.') <= 12)))),
    CONSTRAINT best_bid_is_exact CHECK (best_bid <> '0' AND best_bid >= '0' AND best_bid NOT BETWEEN '00' AND '09~' AND best_bid NOT GLOB '*[^0-9.]*'
        AND best_bid NOT GLOB '*.*.*' AND best_bid NOT GLOB '*.' AND best_bid NOT GLOB '*.*0'
        AND (length(best_bid) <= 14 OR (length(best_bid) - (instr(best_bid, '.') > 0) <= 28
            AND (instr(best_bid, '.') = 0 OR length(best_bid) - instr(best_bid, '.') <= 12)))),
    CONSTRAINT best_ask_is_exact CHECK (best_ask <> '0' AND best_ask >= '0' AND best_ask NOT BETWEEN '00' AND '09~' AND best_ask NOT GLOB '*[^0-9.]*'
        AND best_ask NOT GLOB '*.*.*' AND best_ask NOT GLOB '*.' AND best_ask NOT GLOB '*.*0'
        AND (length(best_ask) <= 14 OR (length(best_ask) - (instr(best_ask, '.') > 0) <= 28
            AND (instr(best_ask, '.') = 0 OR length(best_ask) - instr(best_ask, '.') <= 12)))),
    CONSTRAINT bid_volume_is_exact CHECK (bid_volume >= '0' AND bid_volume NOT BETWEEN '00' AND '09~' AND bid_volume NOT GLOB '*[^0-9.]*'
        AND bid_volume NOT GLOB '*.*.*' AND bid_volume NOT GLOB '*.' AND bid_volume NOT GLOB '*.*0'
        AND (length(bid_volume) <= 14 OR (length(bid_volume) - (instr(bid_volume, '.') > 0) <= 28
            AND (instr(bid_volume, '.') = 0 OR length(bid_volume) - instr(bid_volume, '.') <= 12)))),
    CONSTRAINT ask_volume_is_exact CHECK (ask_volume >= '0' AND ask_volume NOT BETWEEN '00' AND '09~' AND ask_volume NOT GLOB '*[^0-9.]*'
        AND ask_volume NOT GLOB '*.*.*' AND ask_volume NOT GLOB '*.' AND ask_volume NOT GLOB '*.*0'
        AND (length(ask_volume) <= 14 OR (length(ask_volume) - (instr(ask_volume, '.') > 0) <= 28
            AND (instr(ask_volume, '.') = 0 OR length(ask_volume) - instr(ask_volume, '.') <= 12))))
) WITHOUT ROWID, STRICT;

-- The book last known at an instant is not the one of the last second: a stamp may lag behind.
CREATE INDEX order_book_snapshots_known ON order_book_snapshots (instrument, available_at, timestamp);

-- Imbalances of wholly covered seconds. Null is undefined.
CREATE TABLE order_book_imbalances (
    instrument           INTEGER NOT NULL REFERENCES instruments (id),
    timestamp            INTEGER NOT NULL,
    available_at         INTEGER NOT NULL,
    imbalance_1s         TEXT,
    imbalance_5s         TEXT,
    imbalance_15s        TEXT,
    imbalance_60s        TEXT,
    volume_imbalance_1s  TEXT,
    volume_imbalance_5s  TEXT,
    volume_imbalance_15s TEXT,
    volume_imbalance_60s TEXT,
    price_range          TEXT,
    bid_volume           TEXT    NOT NULL,
    ask_volume           TEXT    NOT NULL,
    PRIMARY KEY (instrument, timestamp),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT available_after_second CHECK (available_at >= timestamp),
    -- An imbalance has six decimals and one digit before them.
    CONSTRAINT imbalances_are_bounded CHECK (ltrim(imbalance_1s, '-') GLOB '[01]*' AND length(ltrim(imbalance_1s, '-')) <= 8 AND CAST(imbalance_1s AS REAL) BETWEEN -1 AND 1
        AND ltrim(imbalance_5s, '-') GLOB '[01]*' AND length(ltrim(imbalance_5s, '-')) <= 8 AND CAST(imbalance_5s AS REAL) BETWEEN -1 AND 1
        AND ltrim(imbalance_15s, '-') GLOB '[01]*' AND length(ltrim(imbalance_15s, '-')) <= 8 AND CAST(imbalance_15s AS REAL) BETWEEN -1 AND 1
        AND ltrim(imbalance_60s, '-') GLOB '[01]*' AND length(ltrim(imbalance_60s, '-')) <= 8 AND CAST(imbalance_60s AS REAL) BETWEEN -1 AND 1
        AND ltrim(volume_imbalance_1s, '-') GLOB '[01]*' AND length(ltrim(volume_imbalance_1s, '-')) <= 8 AND CAST(volume_imbalance_1s AS REAL) BETWEEN -1 AND 1
        AND ltrim(volume_imbalance_5s, '-') GLOB '[01]*' AND length(ltrim(volume_imbalance_5s, '-')) <= 8 AND CAST(volume_imbalance_5s AS REAL) BETWEEN -1 AND 1
        AND ltrim(volume_imbalance_15s, '-') GLOB '[01]*' AND length(ltrim(volume_imbalance_15s, '-')) <= 8 AND CAST(volume_imbalance_15s AS REAL) BETWEEN -1 AND 1
        AND ltrim(volume_imbalance_60s, '-') GLOB '[01]*' AND length(ltrim(volume_imbalance_60s, '-')) <= 8 AND CAST(volume_imbalance_60s AS REAL) BETWEEN -1 AND 1),
    CONSTRAINT price_range_is_exact CHECK (price_range <> '0' AND price_range >= '0' AND price_range NOT BETWEEN '00' AND '09~' AND price_range NOT GLOB '*[^0-9.]*'
        AND price_range NOT GLOB '*.*.*' AND price_range NOT GLOB '*.' AND price_range NOT GLOB '*.*0'
        AND (length(price_range) <= 14 OR (length(price_range) - (instr(price_range, '.') > 0) <= 28
            AND (instr(price_range, '.') = 0 OR length(price_range) - instr(price_range, '.') <= 12)))),
    CONSTRAINT bid_volume_is_exact CHECK (bid_volume >= '0' AND bid_volume NOT BETWEEN '00' AND '09~' AND bid_volume NOT GLOB '*[^0-9.]*'
        AND bid_volume NOT GLOB '*.*.*' AND bid_volume NOT GLOB '*.' AND bid_volume NOT GLOB '*.*0'
        AND (length(bid_volume) <= 14 OR (length(bid_volume) - (instr(bid_volume, '.') > 0) <= 28
            AND (instr(bid_volume, '.') = 0 OR length(bid_volume) - instr(bid_volume, '.') <= 12)))),
    CONSTRAINT ask_volume_is_exact CHECK (ask_volume >= '0' AND ask_volume NOT BETWEEN '00' AND '09~' AND ask_volume NOT GLOB '*[^0-9.]*'
        AND ask_volume NOT GLOB '*.*.*' AND ask_volume NOT GLOB '*.' AND ask_volume NOT GLOB '*.*0'
        AND (length(ask_volume) <= 14 OR (length(ask_volume) - (instr(ask_volume, '.') > 0) <= 28
            AND (instr(ask_volume, '.') = 0 OR length(ask_volume) - instr(ask_volume, '.') <= 12))))
) WITHOUT ROWID, STRICT;
