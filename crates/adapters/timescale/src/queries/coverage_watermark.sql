-- The last second that any run had reached at the instant.
SELECT date_trunc('second', max(reached))
FROM (
    SELECT furthest_end AS reached
    FROM stream_coverage_runs
    WHERE symbol = $1 AND exchange = $2 AND state = 'alive' AND available_at <= $3
    UNION ALL
    SELECT last.end_time
    FROM stream_coverage_runs AS run
    CROSS JOIN LATERAL (
        SELECT end_time
        FROM stream_coverage
        WHERE symbol = $1 AND exchange = $2
          AND available_at >= run.first_available_at AND available_at <= $3
          AND stream = run.stream AND state = 'alive' AND begin_time = run.begin_time
        ORDER BY available_at DESC
        LIMIT 1
    ) AS last
    WHERE run.symbol = $1 AND run.exchange = $2 AND run.state = 'alive'
      AND run.first_available_at <= $3 AND run.available_at > $3
) AS run
