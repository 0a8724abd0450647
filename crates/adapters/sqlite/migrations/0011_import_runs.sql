-- The record of imports: what was planned of each, how far it is, and which rows were refused. The candles themselves are those of
-- the imports that its parts became.

CREATE TABLE import_runs (
    -- In the order in which they were begun.
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    run        TEXT    NOT NULL UNIQUE,
    state      TEXT    NOT NULL,
    -- The folder that the tables are in, as it was named.
    origin     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    -- Everything that was chosen, JSON.
    settings   TEXT    NOT NULL,
    begun_at   INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    CONSTRAINT state_is_known CHECK (state IN ('running', 'finished', 'removing', 'removed'))
) STRICT;

CREATE TABLE import_tables (
    run              INTEGER NOT NULL REFERENCES import_runs (number),
    -- Those that count first come first.
    position         INTEGER NOT NULL,
    path             TEXT    NOT NULL,
    -- Of the table inside the file.
    name             TEXT    NOT NULL,
    format           TEXT    NOT NULL,
    bytes            INTEGER NOT NULL,
    sha256           TEXT    NOT NULL,
    rows             INTEGER NOT NULL,
    -- 'take', or why it is left.
    decision         TEXT    NOT NULL,
    reason           TEXT,
    exchange         TEXT,
    symbol           TEXT,
    timeframe        TEXT,
    -- Rows that are dealt with, and what they were.
    rows_read        INTEGER NOT NULL DEFAULT 0,
    new_rows         INTEGER NOT NULL DEFAULT 0,
    same_rows        INTEGER NOT NULL DEFAULT 0,
    conflicting_rows INTEGER NOT NULL DEFAULT 0,
    invalid_rows     INTEGER NOT NULL DEFAULT 0,
    first_time       INTEGER,
    last_time        INTEGER,
    -- A checksum of each column of its candles, JSON.
    sums             TEXT    NOT NULL DEFAULT '[0,0,0,0,0,0,0]',
    is_done          INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, position),
    CONSTRAINT decision_is_whole CHECK ((decision = 'take') = (symbol IS NOT NULL)
        AND (symbol IS NULL) = (exchange IS NULL) AND (symbol IS NULL) = (timeframe IS NULL)
        AND (symbol IS NULL) = (reason IS NOT NULL)),
    CONSTRAINT every_row_is_counted CHECK (rows_read = new_rows + same_rows + conflicting_rows + invalid_rows),
    CONSTRAINT times_are_whole CHECK ((first_time IS NULL) = (last_time IS NULL) AND first_time <= last_time)
) WITHOUT ROWID, STRICT;

CREATE TABLE import_parts (
    run          INTEGER NOT NULL REFERENCES import_runs (number),
    position     INTEGER NOT NULL,
    -- Its import, which is gone once the run is removed.
    import_id    TEXT    NOT NULL,
    exchange     TEXT    NOT NULL,
    symbol       TEXT    NOT NULL,
    timeframe    TEXT    NOT NULL,
    covered_from INTEGER NOT NULL,
    covered_to   INTEGER NOT NULL,
    PRIMARY KEY (run, position),
    UNIQUE (run, import_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE import_refused_rows (
    run            INTEGER NOT NULL REFERENCES import_runs (number),
    table_position INTEGER NOT NULL,
    row_number     INTEGER NOT NULL,
    why            TEXT    NOT NULL,
    -- Each reason with field and value, JSON.
    reasons        TEXT    NOT NULL,
    PRIMARY KEY (run, table_position, row_number),
    CONSTRAINT reason_is_known CHECK (why IN ('invalid', 'outvoted'))
) WITHOUT ROWID, STRICT;
