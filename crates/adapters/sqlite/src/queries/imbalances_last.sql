-- The last ?3 rows of instrument ?1 known at the instant ?2, newest first.
SELECT timestamp, available_at, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s,
       volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume,
       ask_volume
FROM order_book_imbalances
WHERE instrument = ?1 AND timestamp <= ?2 AND available_at <= ?2
ORDER BY timestamp DESC
LIMIT ?3
