COPY order_book_snapshots (
    symbol, exchange, timestamp, available_at, event_time, received_at, sequence, price_scale, size_scale, early,
    partial, covered, bucket_size, mid_price, spread, bid_volume, ask_volume, bid_prices, bid_sizes, ask_prices,
    ask_sizes, wide_levels
) FROM STDIN (FORMAT binary)
