-- No row of the instrument need be there yet: none has an earlier time.
INSERT INTO instruments (symbol, exchange, first_time, loading_to)
VALUES ($1, $2, $3, $4)
ON CONFLICT (symbol, exchange) DO UPDATE SET loading_to = excluded.loading_to
