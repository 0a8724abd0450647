SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
       first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision,
       known_from, known_to
FROM ohlcv_superseded
WHERE symbol = $1 AND exchange = $2 AND timeframe = $3 AND timestamp = $4
ORDER BY revision
