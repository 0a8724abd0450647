-- The first candle of an import that lies outside the range it is to speak of.
SELECT timestamp
FROM ohlcv_imported
WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4 AND timeframe = $5
  AND (timestamp < $6 OR timestamp >= $7)
ORDER BY timestamp
LIMIT 1
