-- Numbered in the order of the parts.
INSERT INTO imports (import_id, symbol, exchange, source, timeframe)
SELECT import_id, symbol, exchange, $2, timeframe
FROM import_parts
WHERE run = $1
ORDER BY position
ON CONFLICT (import_id) DO NOTHING
