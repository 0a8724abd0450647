-- What the log proves of an instrument from $5 on, as of $3: the log condensed, and of a run that went on after the
-- instant its last row until then, which is looked for from $4 on and null where it lies before.
SELECT run.stream, run.begin_time, run.state, run.reason,
       CASE WHEN run.available_at <= $3 THEN run.end_time ELSE last.end_time END,
       CASE WHEN run.available_at <= $3 THEN run.available_at ELSE last.available_at END,
       CASE WHEN run.available_at <= $3 THEN run.furthest_end END,
       CASE WHEN run.available_at <= $3 THEN run.furthest_at END
FROM stream_coverage_runs AS run
LEFT JOIN LATERAL (
    SELECT end_time, available_at
    FROM stream_coverage
    WHERE run.available_at > $3 AND symbol = $1 AND exchange = $2 AND available_at >= $4 AND available_at <= $3
      AND stream = run.stream AND state = run.state AND begin_time = run.begin_time
    ORDER BY available_at DESC
    LIMIT 1
) AS last ON true
WHERE run.symbol = $1 AND run.exchange = $2 AND run.first_available_at <= $3 AND run.furthest_end > $5
