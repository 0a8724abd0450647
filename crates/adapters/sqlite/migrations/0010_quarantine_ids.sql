-- Records are named by their ids to be dropped, so the id of one that was dropped is never given to another.

CREATE TABLE quarantine_with_ids (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
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
INSERT INTO quarantine_with_ids SELECT * FROM quarantine ORDER BY id;
DROP TABLE quarantine;
ALTER TABLE quarantine_with_ids RENAME TO quarantine;
CREATE INDEX quarantine_digest ON quarantine (digest);
