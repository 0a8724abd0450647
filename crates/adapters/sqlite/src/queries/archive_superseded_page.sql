-- ?1 instrument, ?2 end of the open times (exclusive), ?3 the instant by which versions were replaced; from the key ?4, ?5 on,
-- that one included where ?6 says so, ?7 rows.
SELECT timestamp, known_from, open_price, high_price, low_price, close_price,
       volume, taker_buy_volume, trade_count, first_event_time, first_sequence, first_index,
       last_event_time, last_sequence, last_index, revision, known_to
FROM ohlcv_superseded
WHERE instrument = ?1 AND timeframe = '1s' AND timestamp < ?2 AND known_to <= ?3
  AND (timestamp, revision) >= (?4, ?5)
  AND (?6 OR (timestamp, revision) > (?4, ?5))
ORDER BY timestamp, revision
LIMIT ?7
