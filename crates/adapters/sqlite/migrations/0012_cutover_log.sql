-- The log of a cut-over from an older system: which phases were entered and by what evidence. It is only added to.

CREATE TABLE cutover_log (
    -- Without gaps; whoever adds the next one has seen all before.
    number      INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL,
    recorded_by TEXT    NOT NULL,
    what        TEXT    NOT NULL,
    -- All that happened, JSON.
    event       TEXT    NOT NULL,
    CONSTRAINT numbers_begin_at_1 CHECK (number >= 1),
    CONSTRAINT what_is_known CHECK (what IN
        ('advanced', 'back', 'verified', 'shadowed', 'archived', 'removed', 'restored'))
) STRICT;

CREATE TRIGGER cutover_log_keeps_its_records BEFORE UPDATE ON cutover_log
BEGIN
    SELECT RAISE(ABORT, 'records of the cut-over are never changed');
END;

CREATE TRIGGER cutover_log_loses_no_records BEFORE DELETE ON cutover_log
BEGIN
    SELECT RAISE(ABORT, 'records of the cut-over are never removed');
END;
