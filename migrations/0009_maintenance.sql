-- When the store was last maintained, and what the audit found: one row, written by `onetape maintain` at its end. A store
-- that nobody maintains looks well until it is full, so `onetape doctor` asks.

CREATE TABLE maintenance (
    -- There is one row.
    one         BOOLEAN     PRIMARY KEY DEFAULT true,
    finished_at TIMESTAMPTZ NOT NULL,
    differences BIGINT      NOT NULL,
    duration_ms BIGINT      NOT NULL,
    CONSTRAINT there_is_one_row CHECK (one)
);
