SELECT max(timestamp) FROM order_book_snapshots WHERE instrument = ?1 AND timestamp <= ?2 AND available_at <= ?2
