SELECT format('%I.%I', chunk.chunk_schema, chunk.chunk_name)
FROM timescaledb_information.chunks AS chunk
WHERE chunk.hypertable_schema = current_schema() AND chunk.hypertable_name = $1 AND chunk.is_compressed
  AND EXISTS (
      SELECT FROM unnest($2::timestamptz[]) AS row (time)
      WHERE row.time >= chunk.range_start AND row.time < chunk.range_end
  )
ORDER BY chunk.range_start
