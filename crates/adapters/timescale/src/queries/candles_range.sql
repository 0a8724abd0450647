SELECT candle.timestamp,
       coalesce(old.open_price, candle.open_price) AS open_price,
       coalesce(old.high_price, candle.high_price) AS high_price,
       coalesce(old.low_price, candle.low_price) AS low_price,
       coalesce(old.close_price, candle.close_price) AS close_price,
       coalesce(old.volume, candle.volume) AS volume,
       CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume
            ELSE old.taker_buy_volume END AS taker_buy_volume,
       coalesce(old.trade_count, candle.trade_count) AS trade_count,
       coalesce(old.first_event_time, candle.first_event_time) AS first_event_time,
       coalesce(old.first_sequence, candle.first_sequence) AS first_sequence,
       coalesce(old.first_index, candle.first_index) AS first_index,
       coalesce(old.last_event_time, candle.last_event_time) AS last_event_time,
       coalesce(old.last_sequence, candle.last_sequence) AS last_sequence,
       coalesce(old.last_index, candle.last_index) AS last_index,
       coalesce(old.revision, candle.revision) AS revision,
       coalesce(old.known_from, candle.known_from) AS known_from
FROM ohlcv_1s AS candle
LEFT JOIN LATERAL (
    SELECT *
    FROM ohlcv_superseded AS version
    WHERE candle.known_from > $6
      AND version.symbol = $1 AND version.exchange = $2 AND version.timeframe = $3
      AND version.timestamp = candle.timestamp AND version.timestamp >= $4 AND version.timestamp < $5
      AND version.known_from <= $6 AND version.known_to > $6
    LIMIT 1
) AS old ON true
WHERE candle.symbol = $1 AND candle.exchange = $2 AND candle.timestamp >= $4 AND candle.timestamp < $5
  AND (candle.known_from <= $6 OR old.revision IS NOT NULL)
ORDER BY candle.timestamp
