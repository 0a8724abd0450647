DELETE FROM ohlcv_superseded
WHERE instrument = ?1 AND timeframe = ?3 AND timestamp < ?2
