SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count
FROM ohlcv_imported
WHERE import = ?1 AND timeframe = ?2 AND timestamp >= ?3
ORDER BY timestamp
LIMIT ?4
