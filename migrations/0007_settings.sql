-- Periods by which rows are compressed and dropped. `onetape db setup` writes them, after checking them against each
-- other; `onetape maintain`, the server's own policies and whoever asks how far back rows reach go by them.

CREATE TABLE table_settings (
    table_name     TEXT     PRIMARY KEY,
    chunk_interval INTERVAL NOT NULL,
    -- Null: never.
    compress_after INTERVAL,
    -- Null: forever.
    retain_for     INTERVAL,
    CONSTRAINT periods_are_positive CHECK (chunk_interval > INTERVAL '0' AND compress_after > INTERVAL '0'
        AND retain_for > INTERVAL '0')
);

-- Those that belong to no single table, by the names they have in the settings file.
CREATE TABLE store_settings (
    name   TEXT     PRIMARY KEY,
    period INTERVAL NOT NULL,
    CONSTRAINT period_is_positive CHECK (period > INTERVAL '0')
);
