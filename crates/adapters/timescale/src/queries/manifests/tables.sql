SELECT path, name, format, bytes, sha256, rows, decision, reason, exchange, symbol, timeframe,
       rows_read, new_rows, same_rows, conflicting_rows, invalid_rows, first_time, last_time, sums, is_done
FROM import_tables
WHERE run = $1
ORDER BY position
