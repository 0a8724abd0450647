INSERT INTO trade_events (
    symbol, exchange, timestamp, sequence, message_index, received_at, available_at, first_trade_id,
    last_trade_id, price, size, side, trade_id
)
SELECT $1, $2, new.timestamp, new.sequence, new.message_index, new.received_at, new.available_at, new.first_trade_id,
       new.last_trade_id, new.price, new.size, new.side, new.trade_id
FROM unnest(
    $3::timestamptz[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::bigint[],
    $9::bigint[], $10::numeric[], $11::numeric[], $12::text[], $13::text[]
) AS new (
    timestamp, sequence, message_index, received_at, available_at, first_trade_id,
    last_trade_id, price, size, side, trade_id
)
ON CONFLICT DO NOTHING
