-- The stamp of the row before which there are ?3 of instrument ?1 that are older than ?2.
SELECT available_at
FROM stream_coverage
WHERE instrument = ?1 AND available_at < ?2
ORDER BY available_at
LIMIT 1 OFFSET ?3
