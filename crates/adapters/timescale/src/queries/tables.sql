SELECT class.relname::text,
       greatest(approximate_row_count(class.oid), 0),
       coalesce(
           CASE WHEN hyper.num_chunks IS NULL THEN pg_total_relation_size(class.oid) ELSE hypertable_size(class.oid) END,
           0
       ),
       hyper.num_chunks
FROM pg_class AS class
LEFT JOIN timescaledb_information.hypertables AS hyper
    ON hyper.hypertable_schema = current_schema() AND hyper.hypertable_name = class.relname
WHERE class.relnamespace = current_schema()::regnamespace
  AND class.relkind = 'r'
  AND class.relname <> '_sqlx_migrations'
ORDER BY 1
