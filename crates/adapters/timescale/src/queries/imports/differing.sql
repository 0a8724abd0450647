-- The first of these candles that the import holds with other values.
SELECT stored.timestamp
FROM unnest(
    $6::timestamptz[], $7::bigint[], $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[],
    $13::numeric[]
) AS new (
    timestamp, trade_count, open_price, high_price, low_price, close_price, volume, taker_buy_volume
)
JOIN ohlcv_imported AS stored USING (timestamp)
WHERE stored.symbol = $1 AND stored.exchange = $2 AND stored.source = $3 AND stored.import_id = $4
  AND stored.timeframe = $5 AND stored.timestamp >= $14 AND stored.timestamp <= $15
  AND (stored.trade_count, stored.open_price, stored.high_price, stored.low_price, stored.close_price, stored.volume,
       stored.taker_buy_volume)
      IS DISTINCT FROM
      (new.trade_count, new.open_price, new.high_price, new.low_price, new.close_price, new.volume,
       new.taker_buy_volume)
ORDER BY stored.timestamp
LIMIT 1
