-- Imports as another store had them: ids, covered ranges, and stamps, of which null is one that waits.
UPDATE imports
SET finished_at = now(), covered_from = loaded.covered_from, covered_to = loaded.covered_to,
    known_from = CASE WHEN loaded.is_before THEN TIMESTAMPTZ '-infinity' ELSE loaded.known_from END
FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[], $6::boolean[], $7::timestamptz[])
    AS loaded (import_id, covered_from, covered_to, is_before, known_from)
WHERE imports.import_id = loaded.import_id AND imports.symbol = $1 AND imports.exchange = $2
