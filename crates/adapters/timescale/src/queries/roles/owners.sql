-- The statements that give relations of the store to the role $1, where they are another's. A continuous aggregate is
-- a view to the server, and takes its materialised rows along.
SELECT format('ALTER %s %I.%I OWNER TO %I',
           CASE
               WHEN class.relkind <> 'v' THEN 'TABLE'
               WHEN aggregate.view_name IS NOT NULL THEN 'MATERIALIZED VIEW'
               ELSE 'VIEW'
           END, current_schema(), class.relname, $1::text)
FROM pg_class AS class
LEFT JOIN timescaledb_information.continuous_aggregates AS aggregate
    ON aggregate.view_schema = current_schema() AND aggregate.view_name = class.relname
WHERE class.relnamespace = current_schema()::regnamespace AND class.relname = ANY ($2)
  AND pg_get_userbyid(class.relowner) <> $1
ORDER BY class.relname
