INSERT INTO import_tables (
    run, position, path, name, format, bytes, sha256, rows, decision, reason, exchange, symbol, timeframe
)
VALUES (…)
