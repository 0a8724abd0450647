-- What is kept of an instrument as a whole, and of records that were refused. No time series, so plain tables.

-- The checkpoint written with every batch; `issued` guards the instrument against a second writer.
CREATE TABLE instrument_clock (
    symbol     TEXT        NOT NULL,
    exchange   TEXT        NOT NULL,
    issued     TIMESTAMPTZ NOT NULL,
    live_since TIMESTAMPTZ NOT NULL,
    watermark  TIMESTAMPTZ,
    state      JSONB       NOT NULL,
    book       JSONB,
    PRIMARY KEY (symbol, exchange)
) WITH (fillfactor = 50);

-- Bounds of an instrument's rows, which let a read of its last rows stop. Whoever writes rows, by whatever
-- path, MUST keep them true; they only ever widen.
CREATE TABLE instruments (
    symbol        TEXT        NOT NULL,
    exchange      TEXT        NOT NULL,
    -- No candle, trade, book, bucket or imbalance has an earlier timestamp.
    first_time    TIMESTAMPTZ NOT NULL,
    -- The most a trade's event time, or the end of a coverage row, lies ahead of its stamp.
    lead_us       BIGINT      NOT NULL DEFAULT 0,
    -- The most the stamp of a book lies behind the start of its second.
    book_lag_us   BIGINT      NOT NULL DEFAULT 0,
    PRIMARY KEY (symbol, exchange)
);

-- Refused records with every reason. The digest covers origin, payload and violations.
CREATE TABLE quarantine (
    id            BIGINT      GENERATED ALWAYS AS IDENTITY UNIQUE,
    digest        BYTEA       PRIMARY KEY,
    origin        TEXT        NOT NULL,
    symbol        TEXT,
    exchange      TEXT,
    -- JSON and not JSONB: an offending value may hold any character.
    violations    JSON        NOT NULL,
    payload       TEXT        NOT NULL,
    payload_bytes BIGINT      NOT NULL,
    received_at   TIMESTAMPTZ,
    stored_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT instrument_is_whole CHECK ((symbol IS NULL) = (exchange IS NULL))
);
