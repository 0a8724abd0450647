-- Of import ?1 candles of its own timeframe that open before ?2, from ?3 on, that one included where ?4 says so, ?5 rows.
SELECT candle.timestamp, candle.open_price, candle.high_price, candle.low_price, candle.close_price, candle.volume,
       candle.taker_buy_volume, candle.trade_count
FROM ohlcv_imported AS candle
WHERE candle.import = ?1 AND candle.timeframe = (SELECT timeframe FROM imports WHERE number = ?1)
  AND candle.timestamp < ?2 AND candle.timestamp >= ?3 AND (?4 OR candle.timestamp > ?3)
ORDER BY candle.timestamp
LIMIT ?5
