UPDATE imports
SET covered_from = ?2, covered_to = ?3,
    place = CASE WHEN EXISTS (
        SELECT 1 FROM instrument_clock WHERE instrument_clock.instrument = imports.instrument
    ) THEN 'waiting' ELSE 'before' END
WHERE number = ?1
