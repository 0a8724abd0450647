INSERT INTO store_settings AS kept (name, period)
VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET period = excluded.period
WHERE kept.period IS DISTINCT FROM excluded.period
