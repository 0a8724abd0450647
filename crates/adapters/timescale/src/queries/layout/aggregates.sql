-- The names of aggregates that are there: whether continuous ones, and then the length of their chunks.
SELECT view.relname::text, aggregate.view_name IS NOT NULL, dimension.time_interval
FROM pg_class AS view
LEFT JOIN timescaledb_information.continuous_aggregates AS aggregate
    ON aggregate.view_schema = current_schema() AND aggregate.view_name = view.relname
LEFT JOIN timescaledb_information.dimensions AS dimension
    ON dimension.hypertable_schema = aggregate.materialization_hypertable_schema
    AND dimension.hypertable_name = aggregate.materialization_hypertable_name
WHERE view.relnamespace = current_schema()::regnamespace AND view.relkind IN ('v', 'm') AND view.relname = ANY ($1)
