-- The second of the row from which on there are ?4 more: parameters as of `imbalances_page.sql`.
SELECT timestamp
FROM order_book_imbalances
WHERE instrument = ?1 AND timestamp < ?2 AND available_at <= ?3
ORDER BY timestamp DESC
LIMIT 1 OFFSET ?4
