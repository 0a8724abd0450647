-- The time of the row before which there are ?3 of instrument ?1 that are older than ?2.
SELECT timestamp
FROM ohlcv_1s
WHERE instrument = ?1 AND timestamp < ?2
ORDER BY timestamp
LIMIT 1 OFFSET ?3
