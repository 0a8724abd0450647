-- The key of the row from which on there are ?5 more: parameters as of `coverage_page.sql`.
SELECT available_at, stream, state, begin_time, end_time, reason
FROM stream_coverage
WHERE instrument = ?1 AND available_at <= ?2 AND end_time > ?3 AND begin_time < ?4
ORDER BY available_at DESC, stream DESC, state DESC, begin_time DESC, end_time DESC, reason DESC
LIMIT 1 OFFSET ?5
