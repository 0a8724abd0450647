DELETE FROM ohlcv_1s
WHERE instrument = ?1 AND timestamp < ?2
