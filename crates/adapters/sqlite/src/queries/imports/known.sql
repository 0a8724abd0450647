-- Those known at the instant ?2; ?3 is the instant of knowledge, after all stamps where all that were taken in are wanted.
SELECT imports.number, imports.import_id, instruments.exchange, instruments.symbol, imports.source, imports.timeframe,
       imports.place, imports.known_from, imports.covered_from, imports.covered_to, ranked.rank
FROM imports
JOIN instruments ON instruments.id = imports.instrument
LEFT JOIN import_sources AS ranked ON ranked.source = imports.source
WHERE imports.instrument = ?1 AND imports.place <> 'unfinished'
  AND (imports.place = 'before' OR imports.known_from <= ?3 OR NOT EXISTS (
      SELECT 1 FROM instrument_clock WHERE instrument = ?1 AND live_since <= ?2
  ))
ORDER BY imports.number
