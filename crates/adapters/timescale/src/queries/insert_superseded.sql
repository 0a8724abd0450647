INSERT INTO ohlcv_superseded (
    symbol, exchange, timeframe, known_to, timestamp, known_from, first_event_time, first_sequence,
    first_index, last_event_time, last_sequence, last_index, trade_count, revision,
    open_price, high_price, low_price, close_price, volume, taker_buy_volume
)
SELECT $1, $2, new.timeframe, new.known_to, new.timestamp, new.known_from, new.first_event_time, new.first_sequence,
       new.first_index, new.last_event_time, new.last_sequence, new.last_index, new.trade_count, new.revision,
       new.open_price, new.high_price, new.low_price, new.close_price, new.volume, new.taker_buy_volume
FROM unnest(
    $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::bigint[],
    $9::bigint[], $10::timestamptz[], $11::bigint[], $12::bigint[], $13::bigint[], $14::integer[],
    $15::numeric[], $16::numeric[], $17::numeric[], $18::numeric[], $19::numeric[], $20::numeric[]
) AS new (
    timeframe, known_to, timestamp, known_from, first_event_time, first_sequence,
    first_index, last_event_time, last_sequence, last_index, trade_count, revision,
    open_price, high_price, low_price, close_price, volume, taker_buy_volume
)
ON CONFLICT DO NOTHING
