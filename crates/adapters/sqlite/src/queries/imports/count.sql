SELECT count(*) FROM ohlcv_imported WHERE import = ?1 AND timeframe = ?2
