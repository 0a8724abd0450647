-- The record of imports: what was planned of each, how far it is, and which rows were refused. The candles themselves are those of
-- the imports that its parts became. Earlier builds leave these tables alone.

CREATE TABLE import_runs (
    run        TEXT        PRIMARY KEY,
    -- In the order in which they were begun.
    number     BIGINT      GENERATED ALWAYS AS IDENTITY UNIQUE,
    state      TEXT        NOT NULL,
    -- The folder that the tables are in, as it was named.
    origin     TEXT        NOT NULL,
    source     TEXT        NOT NULL,
    -- Everything that was chosen, JSON: kept as text, since it is compared with what it was.
    settings   TEXT        NOT NULL,
    begun_at   TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT state_is_known CHECK (state IN ('running', 'finished', 'removing', 'removed'))
);

CREATE TABLE import_tables (
    run              TEXT    NOT NULL REFERENCES import_runs,
    -- Those that count first come first.
    position         INTEGER NOT NULL,
    path             TEXT    NOT NULL,
    -- Of the table inside the file.
    name             TEXT    NOT NULL,
    format           TEXT    NOT NULL,
    bytes            BIGINT  NOT NULL,
    sha256           TEXT    NOT NULL,
    rows             BIGINT  NOT NULL,
    -- 'take', or why it is left.
    decision         TEXT    NOT NULL,
    reason           TEXT,
    exchange         TEXT,
    symbol           TEXT,
    timeframe        TEXT,
    -- Rows that are dealt with, and what they were.
    rows_read        BIGINT  NOT NULL DEFAULT 0,
    new_rows         BIGINT  NOT NULL DEFAULT 0,
    same_rows        BIGINT  NOT NULL DEFAULT 0,
    conflicting_rows BIGINT  NOT NULL DEFAULT 0,
    invalid_rows     BIGINT  NOT NULL DEFAULT 0,
    first_time       TIMESTAMPTZ,
    last_time        TIMESTAMPTZ,
    -- A checksum of each column of its candles, JSON: numbers of 64 bits without a sign.
    sums             TEXT    NOT NULL DEFAULT '[0,0,0,0,0,0,0]',
    is_done          BOOLEAN NOT NULL DEFAULT false,
    PRIMARY KEY (run, position),
    CONSTRAINT decision_is_whole CHECK ((decision = 'take') = (symbol IS NOT NULL)
        AND (symbol IS NULL) = (exchange IS NULL) AND (symbol IS NULL) = (timeframe IS NULL)
        AND (symbol IS NULL) = (reason IS NOT NULL)),
    CONSTRAINT every_row_is_counted CHECK (rows_read = new_rows + same_rows + conflicting_rows + invalid_rows),
    CONSTRAINT times_are_whole CHECK ((first_time IS NULL) = (last_time IS NULL) AND first_time <= last_time)
);

CREATE TABLE import_parts (
    run          TEXT        NOT NULL REFERENCES import_runs,
    position     INTEGER     NOT NULL,
    -- Its import, which is gone once the run is removed.
    import_id    TEXT        NOT NULL,
    exchange     TEXT        NOT NULL,
    symbol       TEXT        NOT NULL,
    timeframe    TEXT        NOT NULL,
    covered_from TIMESTAMPTZ NOT NULL,
    covered_to   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (run, position),
    UNIQUE (run, import_id)
);

-- Rows as they were found: not for readers, as little as the quarantine.
CREATE TABLE import_refused_rows (
    run            TEXT    NOT NULL REFERENCES import_runs,
    table_position INTEGER NOT NULL,
    row_number     BIGINT  NOT NULL,
    why            TEXT    NOT NULL,
    -- Each reason with field and value, JSON: kept as text, which holds every character there.
    reasons        TEXT    NOT NULL,
    PRIMARY KEY (run, table_position, row_number),
    CONSTRAINT reason_is_known CHECK (why IN ('invalid', 'outvoted'))
);
