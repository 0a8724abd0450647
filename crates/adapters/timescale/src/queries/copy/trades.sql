COPY trade_events (
    symbol, exchange, timestamp, sequence, message_index, received_at, available_at, first_trade_id, last_trade_id,
    price, size, side, trade_id
) FROM STDIN (FORMAT binary)
