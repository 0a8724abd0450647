-- The furthest that any run had reached at the instant ?2, of instrument ?1. Of a run that went on after it, its last row in
-- the log until then.
SELECT max(CASE WHEN run.available_at <= ?2 THEN run.furthest_end ELSE (
    SELECT log.end_time
    FROM stream_coverage AS log
    WHERE log.instrument = ?1 AND log.available_at <= ?2 AND log.available_at >= run.first_available_at
      AND log.stream = run.stream AND log.state = 0 AND log.begin_time = run.begin_time
    ORDER BY log.available_at DESC
    LIMIT 1
) END)
FROM stream_coverage_runs AS run
WHERE run.instrument = ?1 AND run.state = 0 AND run.first_available_at <= ?2
