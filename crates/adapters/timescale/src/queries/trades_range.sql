SELECT timestamp, sequence, message_index, trade_id, price, size, side, first_trade_id, last_trade_id,
       received_at, available_at
FROM trade_events
WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 AND timestamp < $4 AND available_at <= $5
ORDER BY timestamp, sequence, message_index
