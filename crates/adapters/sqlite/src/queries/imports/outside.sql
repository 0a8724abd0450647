SELECT min(timestamp)
FROM ohlcv_imported
WHERE import = ?1 AND timeframe = ?2 AND (timestamp < ?3 OR timestamp >= ?4)
