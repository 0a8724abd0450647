-- ?1 instrument, ?2 end of the event times (exclusive), ?3 the instant of knowledge; from the key ?4, ?5, ?6 on, that one
-- included where ?7 says so, ?8 rows.
SELECT timestamp, sequence, message_index, received_at, available_at, first_trade_id,
       last_trade_id, price, size, side, trade_id
FROM trade_events
WHERE instrument = ?1 AND timestamp < ?2 AND available_at <= ?3
  AND (timestamp, sequence, message_index) >= (?4, ?5, ?6)
  AND (?7 OR (timestamp, sequence, message_index) > (?4, ?5, ?6))
ORDER BY timestamp, sequence, message_index
LIMIT ?8
