SELECT timestamp, known_from, open_price, high_price, low_price, close_price,
       volume, taker_buy_volume, trade_count, first_event_time, first_sequence, first_index,
       last_event_time, last_sequence, last_index, revision
FROM ohlcv_1s
WHERE instrument = ?1 AND timestamp = ?2
