-- The levels of all books lie end to end in $21 to $24; each book's end there is its own.
INSERT INTO order_book_snapshots (
    symbol, exchange, timestamp, available_at, event_time, received_at, sequence, price_scale,
    size_scale, early, partial, covered, bucket_size, mid_price,
    spread, bid_volume, ask_volume, wide_levels,
    bid_prices, bid_sizes, ask_prices, ask_sizes
)
SELECT $1, $2, new.timestamp, new.available_at, new.event_time, new.received_at, new.sequence, new.price_scale,
       new.size_scale, new.early, new.partial, new.covered, new.bucket_size, new.mid_price,
       new.spread, new.bid_volume, new.ask_volume, new.wide_levels,
       ($21::bigint[])[coalesce(lag(new.bids_end) OVER place, 0) + 1:new.bids_end],
       ($22::bigint[])[coalesce(lag(new.bids_end) OVER place, 0) + 1:new.bids_end],
       ($23::bigint[])[coalesce(lag(new.asks_end) OVER place, 0) + 1:new.asks_end],
       ($24::bigint[])[coalesce(lag(new.asks_end) OVER place, 0) + 1:new.asks_end]
FROM unnest(
    $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::smallint[],
    $9::smallint[], $10::boolean[], $11::boolean[], $12::boolean[], $13::numeric[], $14::numeric[],
    $15::numeric[], $16::numeric[], $17::numeric[], $18::jsonb[], $19::integer[], $20::integer[]
) WITH ORDINALITY AS new (
    timestamp, available_at, event_time, received_at, sequence, price_scale,
    size_scale, early, partial, covered, bucket_size, mid_price,
    spread, bid_volume, ask_volume, wide_levels, bids_end, asks_end, place
)
WINDOW place AS (ORDER BY new.place)
ON CONFLICT DO NOTHING
RETURNING timestamp, available_at
