COPY order_book_imbalances (
    symbol, exchange, timestamp, available_at, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s,
    volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume,
    ask_volume
) FROM STDIN (FORMAT binary)
