INSERT INTO order_book_snapshots (
    instrument, timestamp, available_at, event_time, received_at, sequence,
    early, partial, covered, bucket_size, levels, best_bid,
    best_ask, bid_volume, ask_volume
)
VALUES (…)
ON CONFLICT DO NOTHING
