-- Rows that retention took must not look like rows that never were: what a table has lost is recorded, and whether an
-- instrument had rows there to lose is told by its first ones.

ALTER TABLE table_settings
    -- Rows of chunks that ended by then may have been dropped by `onetape maintain`; null while none were. The
    -- server's own policies say the same in timescaledb_information.job_stats.
    ADD COLUMN dropped_before TIMESTAMPTZ;

ALTER TABLE instruments
    -- `timestamp` of the first trade; null while there is none.
    ADD COLUMN first_trade_time TIMESTAMPTZ;

UPDATE instruments AS known SET
    first_trade_time = (
        SELECT min(timestamp)
        FROM trade_events
        WHERE symbol = known.symbol AND exchange = known.exchange
    );
