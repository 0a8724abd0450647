-- Of import ?1 and instrument ?2, candles of timeframe ?3 in [?4, ?5), of which the last ?6.
SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count
FROM ohlcv_imported
WHERE import = ?1 AND timeframe = ?3 AND timestamp >= ?4 AND timestamp < ?5
  AND EXISTS (SELECT 1 FROM imports WHERE number = ?1 AND instrument = ?2)
ORDER BY timestamp DESC
LIMIT ?6
