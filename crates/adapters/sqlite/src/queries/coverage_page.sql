-- ?1 instrument, ?2 the instant of knowledge, ?3 and ?4 the range that rows must touch; from the key ?5 to ?10 on, that one
-- included where ?11 says so, ?12 rows.
SELECT stream, begin_time, end_time, state, reason, available_at
FROM stream_coverage
WHERE instrument = ?1 AND available_at <= ?2 AND end_time > ?3 AND begin_time < ?4
  AND (available_at, stream, state, begin_time, end_time, reason)
      >= (?5, ?6, ?7, ?8, ?9, ?10)
  AND (?11 OR (available_at, stream, state, begin_time, end_time, reason)
      > (?5, ?6, ?7, ?8, ?9, ?10))
ORDER BY available_at, stream, state, begin_time, end_time, reason
LIMIT ?12
