INSERT INTO ohlcv_1s (
    instrument, timestamp, known_from, open_price, high_price, low_price,
    close_price, volume, taker_buy_volume, trade_count, first_event_time, first_sequence,
    first_index, last_event_time, last_sequence, last_index, revision
)
VALUES (…)
ON CONFLICT (instrument, timestamp) DO UPDATE SET
    known_from = excluded.known_from,
    open_price = excluded.open_price,
    high_price = excluded.high_price,
    low_price = excluded.low_price,
    close_price = excluded.close_price,
    volume = excluded.volume,
    taker_buy_volume = excluded.taker_buy_volume,
    trade_count = excluded.trade_count,
    first_event_time = excluded.first_event_time,
    first_sequence = excluded.first_sequence,
    first_index = excluded.first_index,
    last_event_time = excluded.last_event_time,
    last_sequence = excluded.last_sequence,
    last_index = excluded.last_index,
    revision = excluded.revision
WHERE excluded.revision > ohlcv_1s.revision
