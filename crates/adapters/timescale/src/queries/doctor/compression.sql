-- What the compressed chunks of a table took before, and what they take now.
SELECT coalesce(sum(before_compression_total_bytes), 0)::bigint, coalesce(sum(after_compression_total_bytes), 0)::bigint
FROM hypertable_columnstore_stats($1::text::regclass)
