-- ?1 instrument, ?2 end of the open times (exclusive), ?3 the instant of knowledge; from the key ?4 on, that one included
-- where ?5 says so, ?6 rows.
-- The version known at an instant is the current one, or, where that came later, one that it replaced. Only then is the
-- other table looked at: a key that is null is equal to none.
SELECT candle.timestamp,
       coalesce(old.known_from, candle.known_from),
       coalesce(old.open_price, candle.open_price),
       coalesce(old.high_price, candle.high_price),
       coalesce(old.low_price, candle.low_price),
       coalesce(old.close_price, candle.close_price),
       coalesce(old.volume, candle.volume),
       CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END,
       coalesce(old.trade_count, candle.trade_count),
       coalesce(old.first_event_time, candle.first_event_time),
       coalesce(old.first_sequence, candle.first_sequence),
       coalesce(old.first_index, candle.first_index),
       coalesce(old.last_event_time, candle.last_event_time),
       coalesce(old.last_sequence, candle.last_sequence),
       coalesce(old.last_index, candle.last_index),
       coalesce(old.revision, candle.revision)
FROM ohlcv_1s AS candle
LEFT JOIN ohlcv_superseded AS old
    ON old.instrument = CASE WHEN candle.known_from > ?3 THEN candle.instrument END
   AND old.timeframe = '1s' AND old.timestamp = candle.timestamp
   AND old.known_from <= ?3 AND old.known_to > ?3
WHERE candle.instrument = ?1 AND candle.timestamp < ?2 AND candle.timestamp >= ?4 AND (?5 OR candle.timestamp > ?4)
  AND (candle.known_from <= ?3 OR old.instrument IS NOT NULL)
ORDER BY candle.timestamp
LIMIT ?6
