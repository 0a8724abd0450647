-- Instruments and their clocks.
--
-- Conventions of every table here:
-- * An instrument is the small number it has in `instruments`: keys lead with it and end with time, so the rows of an
--   instrument lie together in the order they are read in. Tables are WITHOUT ROWID: the key is the table.
-- * Times are microseconds since 1970, UTC. `timestamp` is the row's own time (open time, event time, second).
-- * Prices and sizes are TEXT in the one canonical form: no exponent, no sign, no leading or trailing zeros, at most 28
--   digits and 12 decimals, which the CHECKs enforce (comparisons where they can: each call of a function copies the text,
--   and a text of 14 bytes that begins with a digit cannot have too many). Exact wherever they are read; `CAST(x AS REAL)` calculates with them.
-- * A row may not claim to have been known before it began: reads as of an instant stop at that instant.

CREATE TABLE instruments (
    id                   INTEGER PRIMARY KEY,
    exchange             TEXT    NOT NULL,
    symbol               TEXT    NOT NULL,
    -- No candle, trade, book or imbalance has an earlier time; null while nothing is stored. They only ever widen.
    first_time           INTEGER,
    -- The most a trade's event time, or the end of a coverage row, lies ahead of its stamp.
    lead_us              INTEGER NOT NULL DEFAULT 0,
    UNIQUE (exchange, symbol)
) STRICT;

-- The checkpoint written with every batch; `issued` guards the instrument against a second writer.
CREATE TABLE instrument_clock (
    instrument INTEGER PRIMARY KEY REFERENCES instruments (id),
    issued     INTEGER NOT NULL,
    live_since INTEGER NOT NULL,
    watermark  INTEGER,
    state      TEXT    NOT NULL,
    book       TEXT
) STRICT;
