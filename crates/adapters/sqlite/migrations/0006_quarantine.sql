-- Refused records with every reason, each once.

CREATE TABLE quarantine (
    id            INTEGER PRIMARY KEY,
    -- Of origin, payload and violations: finds candidates, which are then compared in full.
    digest        INTEGER NOT NULL,
    origin        TEXT    NOT NULL,
    symbol        TEXT,
    exchange      TEXT,
    -- JSON.
    violations    TEXT    NOT NULL,
    payload       TEXT    NOT NULL,
    payload_bytes INTEGER NOT NULL,
    received_at   INTEGER,
    CONSTRAINT instrument_is_whole CHECK ((symbol IS NULL) = (exchange IS NULL)),
    CONSTRAINT payload_bytes_are_natural CHECK (payload_bytes >= 0)
) STRICT;
CREATE INDEX quarantine_digest ON quarantine (digest);
