DELETE FROM ohlcv_imported
WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4
