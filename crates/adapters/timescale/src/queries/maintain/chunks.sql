-- The chunks of a hypertable or continuous aggregate, oldest first. One that holds late rows beside its compressed
-- ones is not wholly compressed.
SELECT format('%I.%I', chunk.hypertable_schema, chunk.hypertable_name),
       format('%I.%I', chunk.chunk_schema, chunk.chunk_name), chunk.range_start, chunk.range_end,
       chunk.is_compressed
           AND _timescaledb_functions.chunk_status(format('%I.%I', chunk.chunk_schema, chunk.chunk_name)::regclass) & 10 = 0
FROM timescaledb_information.chunks AS chunk
LEFT JOIN timescaledb_information.continuous_aggregates AS aggregate
    ON aggregate.view_schema = current_schema() AND aggregate.view_name = $1
WHERE chunk.hypertable_schema = coalesce(aggregate.materialization_hypertable_schema, current_schema())
  AND chunk.hypertable_name = coalesce(aggregate.materialization_hypertable_name, $1)
ORDER BY chunk.range_start
