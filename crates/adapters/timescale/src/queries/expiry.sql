-- What retention has taken of an instrument: where a table's rows were dropped by us or by a policy, no further than
-- its first chunk that is left, and only where the instrument had rows there; and what it had taken where the instrument
-- was copied from.
-- $1 symbol, $2 exchange.
WITH known AS (
    SELECT first_time, first_trade_time, first_book_time, first_imbalance_time, expired
    FROM instruments
    WHERE symbol = $1 AND exchange = $2
),
policy AS (
    SELECT job.hypertable_name::text AS table_name,
           max(stats.last_run_started_at - (job.config ->> 'drop_after')::interval) AS dropped_before
    FROM timescaledb_information.jobs AS job
    JOIN timescaledb_information.job_stats AS stats USING (job_id)
    WHERE job.proc_name = 'policy_retention' AND stats.last_run_started_at > '-infinity'
    GROUP BY job.hypertable_name
),
dropped AS (
    SELECT settings.table_name, greatest(settings.dropped_before, policy.dropped_before) AS before
    FROM table_settings AS settings
    LEFT JOIN policy USING (table_name)
),
here AS (
    SELECT dropped.table_name, least(dropped.before, chunk.since) AS before
    FROM known
    CROSS JOIN dropped
    CROSS JOIN LATERAL (
        SELECT min(range_start) AS since
        FROM timescaledb_information.chunks
        WHERE hypertable_schema = current_schema() AND hypertable_name = dropped.table_name
    ) AS chunk
    WHERE least(dropped.before, chunk.since) > CASE dropped.table_name
        WHEN 'trade_events' THEN known.first_trade_time
        WHEN 'order_book_snapshots' THEN known.first_book_time
        WHEN 'order_book_imbalances' THEN known.first_imbalance_time
        ELSE known.first_time
    END AND dropped.before IS NOT NULL
),
elsewhere AS (
    SELECT entry.table_name, entry.before::timestamptz AS before
    FROM known
    CROSS JOIN LATERAL jsonb_each_text(known.expired) AS entry (table_name, before)
)
SELECT known.first_time, gone.table_name, max(gone.before)
FROM known
CROSS JOIN (SELECT * FROM here UNION ALL SELECT * FROM elsewhere) AS gone
GROUP BY known.first_time, gone.table_name
