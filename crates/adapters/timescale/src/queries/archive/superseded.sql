-- $3 timeframe, $4 and $5 bound the open times, $6 the instant by which a version was replaced.
SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
       first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision,
       known_from, known_to
FROM ohlcv_superseded
WHERE symbol = $1 AND exchange = $2 AND timeframe = $3 AND timestamp >= $4 AND timestamp < $5 AND known_to <= $6
ORDER BY timestamp, revision
