-- Gives imports that wait the stamp they were taken in under.
UPDATE imports
SET known_from = named.stamp
FROM unnest($3::text[], $4::timestamptz[]) AS named (import_id, stamp)
WHERE imports.import_id = named.import_id AND imports.symbol = $1 AND imports.exchange = $2
  AND imports.finished_at IS NOT NULL AND imports.known_from IS NULL
