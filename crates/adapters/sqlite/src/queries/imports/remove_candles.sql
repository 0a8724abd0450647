DELETE FROM ohlcv_imported WHERE import = ?1
