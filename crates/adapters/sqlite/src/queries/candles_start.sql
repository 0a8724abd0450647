-- The open time of the candle from which on there are ?4 more: parameters as of `candles_page.sql`.
SELECT candle.timestamp
FROM ohlcv_1s AS candle
LEFT JOIN ohlcv_superseded AS old
    ON old.instrument = CASE WHEN candle.known_from > ?3 THEN candle.instrument END
   AND old.timeframe = '1s' AND old.timestamp = candle.timestamp
   AND old.known_from <= ?3 AND old.known_to > ?3
WHERE candle.instrument = ?1 AND candle.timestamp < ?2
  AND (candle.known_from <= ?3 OR old.instrument IS NOT NULL)
ORDER BY candle.timestamp DESC
LIMIT 1 OFFSET ?4
