INSERT INTO imports (import_id, symbol, exchange, source, timeframe)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (import_id) DO NOTHING
