COPY order_book_1s_agg (
    symbol, exchange, timestamp, available_at, bid_count, ask_count, partial, price_bucket, bucket_size, bid_volume,
    ask_volume, imbalance
) FROM STDIN (FORMAT binary)
