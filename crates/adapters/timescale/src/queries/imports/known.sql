-- The imports a reader knows of at $3; $4 is the instant of knowledge, infinity where all that were taken in are wanted.
SELECT imports.import_id, imports.symbol, imports.exchange, imports.source, imports.timeframe, imports.number,
       ranked.rank, imports.covered_from, imports.covered_to, imports.known_from = '-infinity',
       nullif(imports.known_from, '-infinity')
FROM imports
LEFT JOIN import_sources AS ranked USING (source)
WHERE imports.symbol = $1 AND imports.exchange = $2 AND imports.finished_at IS NOT NULL
  AND (imports.known_from <= $4 OR NOT EXISTS (
      SELECT FROM instrument_clock WHERE symbol = $1 AND exchange = $2 AND live_since <= $3
  ))
ORDER BY imports.number
