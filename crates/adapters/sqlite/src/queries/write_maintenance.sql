INSERT INTO maintenance (one, finished_at, duration_ms)
VALUES (1, ?1, ?2)
ON CONFLICT (one) DO UPDATE SET finished_at = excluded.finished_at, duration_ms = excluded.duration_ms
