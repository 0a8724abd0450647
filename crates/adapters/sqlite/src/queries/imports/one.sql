SELECT imports.number, imports.import_id, instruments.exchange, instruments.symbol, imports.source, imports.timeframe,
       imports.place, imports.known_from, imports.covered_from, imports.covered_to, ranked.rank
FROM imports
JOIN instruments ON instruments.id = imports.instrument
LEFT JOIN import_sources AS ranked ON ranked.source = imports.source
WHERE imports.import_id = ?1
