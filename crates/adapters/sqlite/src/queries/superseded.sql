SELECT timestamp, known_from, open_price, high_price, low_price, close_price,
       volume, taker_buy_volume, trade_count, first_event_time, first_sequence, first_index,
       last_event_time, last_sequence, last_index, revision, known_to
FROM ohlcv_superseded
WHERE instrument = ?1 AND timeframe = ?2 AND timestamp = ?3
ORDER BY revision
