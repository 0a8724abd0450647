INSERT INTO order_book_1s_agg (
    symbol, exchange, timestamp, available_at, bid_count, ask_count, partial, price_bucket,
    bucket_size, bid_volume, ask_volume, imbalance
)
SELECT $1, $2, new.timestamp, new.available_at, new.bid_count, new.ask_count, new.partial, new.price_bucket,
       new.bucket_size, new.bid_volume, new.ask_volume, new.imbalance
FROM unnest(
    $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[], $7::boolean[], $8::numeric[],
    $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[]
) AS new (
    timestamp, available_at, bid_count, ask_count, partial, price_bucket,
    bucket_size, bid_volume, ask_volume, imbalance
)
ON CONFLICT DO NOTHING
