SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
       first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
FROM ohlcv_1s
WHERE symbol = $1 AND exchange = $2 AND timestamp = $3
