UPDATE imports
SET finished_at = now(), covered_from = $2, covered_to = $3,
    known_from = CASE WHEN EXISTS (
        SELECT FROM instrument_clock AS clock WHERE clock.symbol = imports.symbol AND clock.exchange = imports.exchange
    ) THEN NULL ELSE TIMESTAMPTZ '-infinity' END
WHERE import_id = $1
