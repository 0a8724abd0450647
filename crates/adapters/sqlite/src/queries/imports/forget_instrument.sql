-- Instrument ?1, of which nothing is left: it has neither a tape nor an import, and none comes in.
DELETE FROM instruments
WHERE id = ?1 AND first_time IS NULL AND loading_to IS NULL
  AND NOT EXISTS (SELECT 1 FROM instrument_clock WHERE instrument = ?1)
  AND NOT EXISTS (SELECT 1 FROM imports WHERE instrument = ?1)
