-- The time of the row before which there are ?4 of instrument ?1 and timeframe ?3 that are older than ?2.
SELECT timestamp
FROM ohlcv_superseded
WHERE instrument = ?1 AND timeframe = ?3 AND timestamp < ?2
ORDER BY timestamp
LIMIT 1 OFFSET ?4
