-- Of import ?1 the candles of timeframe ?2 that open at the instants of the list ?3.
SELECT candle.timestamp, candle.open_price, candle.high_price, candle.low_price, candle.close_price, candle.volume,
       candle.taker_buy_volume, candle.trade_count
FROM json_each(?3) AS wanted
CROSS JOIN ohlcv_imported AS candle
WHERE candle.import = ?1 AND candle.timeframe = ?2 AND candle.timestamp = wanted.value
