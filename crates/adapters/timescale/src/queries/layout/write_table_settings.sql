INSERT INTO table_settings AS kept (table_name, chunk_interval, compress_after, retain_for)
VALUES ($1, $2, $3, $4)
ON CONFLICT (table_name) DO UPDATE SET
    chunk_interval = excluded.chunk_interval,
    compress_after = excluded.compress_after,
    retain_for = excluded.retain_for
WHERE (kept.chunk_interval, kept.compress_after, kept.retain_for)
    IS DISTINCT FROM (excluded.chunk_interval, excluded.compress_after, excluded.retain_for)
