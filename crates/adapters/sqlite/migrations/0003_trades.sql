-- Trades, in the order in which they open and close candles: time, the venue's sequence, place in the message.

CREATE TABLE trade_events (
    instrument     INTEGER NOT NULL REFERENCES instruments (id),
    timestamp      INTEGER NOT NULL,
    sequence       INTEGER NOT NULL,
    message_index  INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    available_at   INTEGER NOT NULL,
    first_trade_id INTEGER,
    last_trade_id  INTEGER,
    price          TEXT    NOT NULL,
    size           TEXT    NOT NULL,
    side           TEXT    NOT NULL,
    trade_id       TEXT    NOT NULL,
    PRIMARY KEY (instrument, timestamp, sequence, message_index),
    CONSTRAINT timestamp_is_sane CHECK (timestamp >= 1230768000000000 AND timestamp < 4102444800000000),
    CONSTRAINT price_is_exact CHECK (price <> '0' AND price >= '0' AND price NOT BETWEEN '00' AND '09~' AND price NOT GLOB '*[^0-9.]*'
        AND price NOT GLOB '*.*.*' AND price NOT GLOB '*.' AND price NOT GLOB '*.*0'
        AND (length(price) <= 14 OR (length(price) - (instr(price, '.') > 0) <= 28
            AND (instr(price, '.') = 0 OR length(price) - instr(price, '.') <= 12)))),
    CONSTRAINT size_is_exact CHECK (size <> '0' AND size >= '0' AND size NOT BETWEEN '00' AND '09~' AND size NOT GLOB '*[^0-9.]*'
        AND size NOT GLOB '*.*.*' AND size NOT GLOB '*.' AND size NOT GLOB '*.*0'
        AND (length(size) <= 14 OR (length(size) - (instr(size, '.') > 0) <= 28
            AND (instr(size, '.') = 0 OR length(size) - instr(size, '.') <= 12)))),
    CONSTRAINT side_is_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT aggregate_is_whole CHECK ((first_trade_id IS NULL) = (last_trade_id IS NULL))
) WITHOUT ROWID, STRICT;
