INSERT INTO ohlcv_superseded (
    instrument, timeframe, known_to, timestamp, known_from, open_price,
    high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
    revision
)
VALUES (…)
ON CONFLICT DO NOTHING
