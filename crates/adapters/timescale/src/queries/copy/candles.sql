COPY ohlcv_1s (
    symbol, exchange, timestamp, known_from, first_event_time, first_sequence, first_index, last_event_time,
    last_sequence, last_index, trade_count, revision, open_price, high_price, low_price, close_price, volume,
    taker_buy_volume
) FROM STDIN (FORMAT binary)
