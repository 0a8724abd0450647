-- From number ?1 on, that one included where ?2 says so, ?3 rows.
SELECT number, recorded_at, recorded_by, event
FROM cutover_log
WHERE number >= ?1 AND (?2 OR number > ?1)
ORDER BY number
LIMIT ?3
