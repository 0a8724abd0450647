-- The candles of an import and timeframe that open from $6 to before $7.
SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count
FROM ohlcv_imported
WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4 AND timeframe = $5
  AND timestamp >= $6 AND timestamp < $7
ORDER BY timestamp
