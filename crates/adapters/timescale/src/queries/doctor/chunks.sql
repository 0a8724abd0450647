-- Chunks by table: how many, how many of them compressed, where the oldest ends, and the oldest that is not compressed.
SELECT hypertable_name::text, count(*), count(*) FILTER (WHERE is_compressed), min(range_end),
       min(range_end) FILTER (WHERE NOT is_compressed)
FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema()
GROUP BY hypertable_name
