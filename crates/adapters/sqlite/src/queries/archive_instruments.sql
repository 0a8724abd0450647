SELECT exchange, symbol
FROM instruments
WHERE EXISTS (SELECT 1 FROM instrument_clock WHERE instrument_clock.instrument = instruments.id)
   OR EXISTS (SELECT 1 FROM imports WHERE imports.instrument = instruments.id AND imports.place <> 'unfinished')
