-- Where streams are proven alive and unbroken: an append-only log, read as of an instant.
--
-- Streams are 0 trades, 1 book; states 0 alive, 1 gap, 2 filled, 3 unfillable: the order in which rows of one stamp apply,
-- so the key is the order in which the log is read. The view `coverage_log` has them in words.

CREATE TABLE stream_coverage (
    instrument   INTEGER NOT NULL REFERENCES instruments (id),
    available_at INTEGER NOT NULL,
    stream       INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    begin_time   INTEGER NOT NULL,
    end_time     INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    -- The whole row is its identity: one message can report two gaps of the same begin.
    PRIMARY KEY (instrument, available_at, stream, state, begin_time, end_time, reason),
    CONSTRAINT stream_is_known CHECK (stream IN (0, 1)),
    CONSTRAINT state_is_known CHECK (state IN (0, 1, 2, 3)),
    CONSTRAINT available_at_is_sane CHECK (available_at >= 1230768000000000 AND available_at < 4102444800000000),
    CONSTRAINT range_is_not_empty CHECK (begin_time < end_time),
    CONSTRAINT reason_is_short CHECK (length(reason) <= 1000)
) WITHOUT ROWID, STRICT;

-- The log condensed, written with it: readers of long ranges need no more than this and, of a run that went on after
-- the instant they read at, one row of the log.
--
-- An `alive` row of the log spans its whole run so far, so a run is one row here: its first stamp, the last row, and the
-- row that reached furthest (a run that is lost ends before what the log said last). Rows of another state are copied;
-- their first and last stamp are the same.
CREATE TABLE stream_coverage_runs (
    id                 INTEGER PRIMARY KEY,
    instrument         INTEGER NOT NULL REFERENCES instruments (id),
    stream             INTEGER NOT NULL,
    state              INTEGER NOT NULL,
    begin_time         INTEGER NOT NULL,
    end_time           INTEGER NOT NULL,
    reason             TEXT    NOT NULL,
    first_available_at INTEGER NOT NULL,
    available_at       INTEGER NOT NULL,
    furthest_end       INTEGER NOT NULL,
    furthest_at        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX stream_coverage_runs_alive ON stream_coverage_runs (instrument, stream, begin_time)
    WHERE state = 0;
CREATE UNIQUE INDEX stream_coverage_runs_other
    ON stream_coverage_runs (instrument, stream, state, begin_time, end_time, available_at, reason)
    WHERE state <> 0;
CREATE INDEX stream_coverage_runs_end ON stream_coverage_runs (instrument, furthest_end);

CREATE VIEW coverage_log AS
SELECT exchange, symbol, CASE stream WHEN 0 THEN 'trades' ELSE 'book' END AS stream,
       CASE state WHEN 0 THEN 'alive' WHEN 1 THEN 'gap' WHEN 2 THEN 'filled' ELSE 'unfillable' END AS state,
       begin_time, end_time, reason, available_at
FROM stream_coverage
JOIN instruments ON instruments.id = stream_coverage.instrument;
