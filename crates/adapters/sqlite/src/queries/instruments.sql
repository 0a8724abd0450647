SELECT exchange, symbol
FROM instruments
WHERE EXISTS (SELECT 1 FROM instrument_clock WHERE instrument_clock.instrument = instruments.id)
ORDER BY exchange, symbol
