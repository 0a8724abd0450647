-- The furthest that any run had reached at the instant ?2, of instrument ?1. A run that went on after it is looked up in the
-- log.
SELECT max(CASE WHEN run.available_at <= ?2 THEN run.furthest_end ELSE (
    SELECT max(log.end_time)
    FROM stream_coverage AS log
    WHERE log.instrument = ?1 AND log.available_at <= ?2 AND log.available_at >= run.first_available_at
      AND log.stream = run.stream AND log.state = 0 AND log.begin_time = run.begin_time
) END)
FROM stream_coverage_runs AS run
WHERE run.instrument = ?1 AND run.state = 0 AND run.first_available_at <= ?2
