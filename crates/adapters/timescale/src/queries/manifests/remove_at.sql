-- Candles of an import and timeframe that others take the place of; their open times lie from $7 to $8.
DELETE FROM ohlcv_imported
WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4 AND timeframe = $5
  AND timestamp = ANY ($6::timestamptz[]) AND timestamp >= $7 AND timestamp <= $8
