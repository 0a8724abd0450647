INSERT INTO instruments (exchange, symbol)
VALUES (?1, ?2)
ON CONFLICT (exchange, symbol) DO UPDATE SET exchange = excluded.exchange
RETURNING id
