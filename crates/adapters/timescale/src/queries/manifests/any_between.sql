-- Whether an import has a candle of a timeframe from $6 to $7.
SELECT EXISTS (
    SELECT FROM ohlcv_imported
    WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4 AND timeframe = $5
      AND timestamp >= $6 AND timestamp <= $7
)
