-- Where streams are proven alive and unbroken: an append-only log, read as of an instant.

CREATE TABLE stream_coverage (
    symbol       TEXT        NOT NULL,
    exchange     TEXT        NOT NULL,
    stream       TEXT        NOT NULL,
    available_at TIMESTAMPTZ NOT NULL,
    state        TEXT        NOT NULL,
    begin_time   TIMESTAMPTZ NOT NULL,
    end_time     TIMESTAMPTZ NOT NULL,
    reason       TEXT        NOT NULL,
    -- The whole row is its identity: one message can report two gaps of the same begin.
    PRIMARY KEY (symbol, exchange, available_at, stream, state, begin_time, end_time, reason),
    CONSTRAINT stream_is_known CHECK (stream IN ('trades', 'book')),
    CONSTRAINT state_is_known CHECK (state IN ('alive', 'gap', 'filled', 'unfillable')),
    CONSTRAINT available_at_is_sane CHECK (available_at >= '2009-01-01Z' AND available_at < '2100-01-01Z'),
    CONSTRAINT range_is_not_empty CHECK (begin_time < end_time),
    CONSTRAINT reason_is_short CHECK (length(reason) <= 1000)
);
SELECT create_hypertable('stream_coverage', by_range('available_at', INTERVAL '1 day'), create_default_indexes => false);

-- The log condensed, written with it: readers of long ranges need no more than this and, of a run that
-- went on after the instant they read at, one row of the log.
--
-- An `alive` row of the log spans its whole run so far, so a run is one row here: its first stamp, the last
-- row, and the row that reached furthest (a run that is lost ends before what the log said last).
-- Rows of another state are copied; their first and last stamp are the same.
CREATE TABLE stream_coverage_runs (
    symbol             TEXT        NOT NULL,
    exchange           TEXT        NOT NULL,
    stream             TEXT        NOT NULL,
    state              TEXT        NOT NULL,
    begin_time         TIMESTAMPTZ NOT NULL,
    end_time           TIMESTAMPTZ NOT NULL,
    reason             TEXT        NOT NULL,
    first_available_at TIMESTAMPTZ NOT NULL,
    available_at       TIMESTAMPTZ NOT NULL,
    furthest_end       TIMESTAMPTZ NOT NULL,
    furthest_at        TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX stream_coverage_runs_alive ON stream_coverage_runs (symbol, exchange, stream, begin_time)
    WHERE state = 'alive';
CREATE UNIQUE INDEX stream_coverage_runs_other
    ON stream_coverage_runs (symbol, exchange, stream, state, begin_time, end_time, available_at, reason)
    WHERE state <> 'alive';
CREATE INDEX stream_coverage_runs_end ON stream_coverage_runs (symbol, exchange, furthest_end);
