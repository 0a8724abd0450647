INSERT INTO instrument_clock (symbol, exchange, issued, live_since, watermark, state, book)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (symbol, exchange) DO NOTHING
