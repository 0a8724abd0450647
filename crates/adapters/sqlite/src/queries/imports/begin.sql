INSERT INTO imports (import_id, instrument, source, timeframe)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (import_id) DO NOTHING
