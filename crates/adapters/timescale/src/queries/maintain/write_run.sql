INSERT INTO maintenance (finished_at, differences, duration_ms)
VALUES ($1, $2, $3)
ON CONFLICT (one) DO UPDATE SET
    finished_at = excluded.finished_at,
    differences = excluded.differences,
    duration_ms = excluded.duration_ms
