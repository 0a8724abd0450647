-- ?1 instrument, ?2 end of the seconds (exclusive), ?3 the instant of knowledge; from the key ?4 on, that one included where
-- ?5 says so, ?6 rows.
SELECT timestamp, available_at, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s,
       volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume,
       ask_volume
FROM order_book_imbalances
WHERE instrument = ?1 AND timestamp < ?2 AND available_at <= ?3 AND timestamp >= ?4 AND (?5 OR timestamp > ?4)
ORDER BY timestamp
LIMIT ?6
