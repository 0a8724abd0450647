SELECT import_id, exchange, symbol, timeframe, covered_from, covered_to
FROM import_parts
WHERE run = $1
ORDER BY position
