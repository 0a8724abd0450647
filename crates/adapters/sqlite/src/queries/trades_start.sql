-- The key of the trade from which on there are ?4 more: parameters as of `trades_page.sql`.
SELECT timestamp, sequence, message_index
FROM trade_events
WHERE instrument = ?1 AND timestamp < ?2 AND available_at <= ?3
ORDER BY timestamp DESC, sequence DESC, message_index DESC
LIMIT 1 OFFSET ?4
