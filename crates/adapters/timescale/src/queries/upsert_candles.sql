INSERT INTO ohlcv_1s (
    symbol, exchange, timestamp, known_from, first_event_time, first_sequence, first_index, last_event_time,
    last_sequence, last_index, trade_count, revision, open_price, high_price,
    low_price, close_price, volume, taker_buy_volume
)
SELECT $1, $2, new.timestamp, new.known_from, new.first_event_time, new.first_sequence, new.first_index,
       new.last_event_time,
       new.last_sequence, new.last_index, new.trade_count, new.revision, new.open_price, new.high_price,
       new.low_price, new.close_price, new.volume, new.taker_buy_volume
FROM unnest(
    $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::timestamptz[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::integer[], $13::numeric[], $14::numeric[],
    $15::numeric[], $16::numeric[], $17::numeric[], $18::numeric[]
) AS new (
    timestamp, known_from, first_event_time, first_sequence, first_index, last_event_time,
    last_sequence, last_index, trade_count, revision, open_price, high_price,
    low_price, close_price, volume, taker_buy_volume
)
ON CONFLICT (symbol, exchange, timestamp) DO UPDATE SET
    known_from = excluded.known_from,
    first_event_time = excluded.first_event_time,
    first_sequence = excluded.first_sequence,
    first_index = excluded.first_index,
    last_event_time = excluded.last_event_time,
    last_sequence = excluded.last_sequence,
    last_index = excluded.last_index,
    trade_count = excluded.trade_count,
    revision = excluded.revision,
    open_price = excluded.open_price,
    high_price = excluded.high_price,
    low_price = excluded.low_price,
    close_price = excluded.close_price,
    volume = excluded.volume,
    taker_buy_volume = excluded.taker_buy_volume
WHERE excluded.revision > ohlcv_1s.revision
