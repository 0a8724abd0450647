-- $3 whether it has imports; what retention had taken: $4 tables, $5 instants, $6 of the first record.
UPDATE instruments
SET loading_to = NULL, has_imports = $3, first_time = least(first_time, $6),
    expired = (
        SELECT jsonb_object_agg(dropped.table_name, dropped.before)
        FROM unnest($4::text[], $5::timestamptz[]) AS dropped (table_name, before)
    )
WHERE symbol = $1 AND exchange = $2
