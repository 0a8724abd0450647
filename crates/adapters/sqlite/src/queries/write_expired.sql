INSERT INTO expired (instrument, table_name, dropped_before)
VALUES (?1, ?2, ?3)
ON CONFLICT (instrument, table_name) DO UPDATE SET dropped_before = max(dropped_before, excluded.dropped_before)
