-- The runs of instrument ?1 that were known at the instant ?2 and reach past ?3: of one that went on after the instant, its
-- last row until then.
SELECT run.stream, run.state, run.begin_time, run.reason,
       coalesce(last.end_time, run.end_time), coalesce(last.available_at, run.available_at),
       CASE WHEN run.available_at <= ?2 THEN run.furthest_end END,
       CASE WHEN run.available_at <= ?2 THEN run.furthest_at END
FROM stream_coverage_runs AS run INDEXED BY stream_coverage_runs_end
LEFT JOIN stream_coverage AS last
    ON last.instrument = CASE WHEN run.available_at > ?2 THEN run.instrument END
   AND last.available_at = (
       SELECT log.available_at
       FROM stream_coverage AS log
       WHERE log.instrument = ?1 AND log.available_at <= ?2 AND log.available_at >= run.first_available_at
         AND log.stream = run.stream AND log.state = run.state AND log.begin_time = run.begin_time
       ORDER BY log.available_at DESC
       LIMIT 1
   )
   AND last.stream = run.stream AND last.state = run.state AND last.begin_time = run.begin_time
WHERE run.instrument = ?1 AND run.furthest_end > ?3 AND run.first_available_at <= ?2
  AND (run.available_at <= ?2 OR last.instrument IS NOT NULL)
