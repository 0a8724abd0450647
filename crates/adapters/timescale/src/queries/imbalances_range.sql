SELECT timestamp, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s,
       volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s,
       price_range, bid_volume, ask_volume, available_at
FROM order_book_imbalances
WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 AND timestamp < $4 AND available_at <= $5
ORDER BY timestamp
