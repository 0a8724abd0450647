-- No other row of the instrument need be there yet: none has an earlier time.
INSERT INTO instruments (symbol, exchange, first_time, has_imports)
VALUES ($1, $2, $3, true)
ON CONFLICT (symbol, exchange) DO UPDATE SET has_imports = true WHERE NOT instruments.has_imports
