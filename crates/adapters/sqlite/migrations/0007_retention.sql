-- How long rows are kept, what that has taken, and when it was last looked after.

-- A table without a row here keeps its rows for as long as the adapter's defaults say.
CREATE TABLE table_settings (
    table_name    TEXT PRIMARY KEY,
    -- Null: forever.
    retain_for_us INTEGER,
    CONSTRAINT period_is_positive CHECK (retain_for_us > 0)
) WITHOUT ROWID, STRICT;

-- Rows that retention took must not look like rows that never were: written in the transaction that takes them.
CREATE TABLE expired (
    instrument     INTEGER NOT NULL REFERENCES instruments (id),
    table_name     TEXT    NOT NULL,
    dropped_before INTEGER NOT NULL,
    PRIMARY KEY (instrument, table_name)
) WITHOUT ROWID, STRICT;

-- The last run of `onetape maintain`: one row. A store that nobody maintains looks well until it is full.
CREATE TABLE maintenance (
    one         INTEGER PRIMARY KEY DEFAULT 1,
    finished_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    CONSTRAINT there_is_one_row CHECK (one = 1)
) STRICT;
