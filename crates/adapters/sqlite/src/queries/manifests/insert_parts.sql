INSERT INTO import_parts (run, position, import_id, exchange, symbol, timeframe, covered_from, covered_to)
VALUES (…)
