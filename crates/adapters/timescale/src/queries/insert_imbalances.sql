INSERT INTO order_book_imbalances (
    symbol, exchange, timestamp, available_at, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s,
    volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume,
    ask_volume
)
SELECT $1, $2, new.timestamp, new.available_at, new.imbalance_1s, new.imbalance_5s, new.imbalance_15s,
       new.imbalance_60s,
       new.volume_imbalance_1s, new.volume_imbalance_5s, new.volume_imbalance_15s, new.volume_imbalance_60s,
       new.price_range, new.bid_volume,
       new.ask_volume
FROM unnest(
    $3::timestamptz[], $4::timestamptz[], $5::numeric[], $6::numeric[], $7::numeric[], $8::numeric[],
    $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::numeric[], $14::numeric[],
    $15::numeric[]
) AS new (
    timestamp, available_at, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s,
    volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume,
    ask_volume
)
ON CONFLICT DO NOTHING
