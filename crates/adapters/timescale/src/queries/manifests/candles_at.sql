-- The candles of an import and timeframe that open at these instants, which lie from $7 to $8.
SELECT candle.timestamp, candle.open_price, candle.high_price, candle.low_price, candle.close_price, candle.volume,
       candle.taker_buy_volume, candle.trade_count
FROM unnest($6::timestamptz[]) AS wanted (timestamp)
JOIN ohlcv_imported AS candle USING (timestamp)
WHERE candle.symbol = $1 AND candle.exchange = $2 AND candle.source = $3 AND candle.import_id = $4
  AND candle.timeframe = $5 AND candle.timestamp >= $7 AND candle.timestamp <= $8
