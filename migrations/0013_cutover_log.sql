-- The log of a cut-over from an older system: which phases were entered and by what evidence. It is only added to. Earlier builds
-- leave this table alone.

CREATE TABLE cutover_log (
    -- Without gaps; whoever adds the next one has seen all before.
    number      BIGINT      PRIMARY KEY,
    recorded_at TIMESTAMPTZ NOT NULL,
    recorded_by TEXT        NOT NULL,
    what        TEXT        NOT NULL,
    -- All that happened, JSON: kept as text, since it is compared with what it was.
    event       TEXT        NOT NULL,
    CONSTRAINT numbers_begin_at_1 CHECK (number >= 1),
    CONSTRAINT what_is_known CHECK (what IN
        ('advanced', 'back', 'verified', 'shadowed', 'archived', 'removed', 'restored'))
);
