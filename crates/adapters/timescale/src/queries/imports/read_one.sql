SELECT imports.import_id, imports.symbol, imports.exchange, imports.source, imports.timeframe, imports.number,
       ranked.rank, imports.covered_from, imports.covered_to, imports.known_from = '-infinity',
       nullif(imports.known_from, '-infinity')
FROM imports
LEFT JOIN import_sources AS ranked USING (source)
WHERE imports.import_id = $1
