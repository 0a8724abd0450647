SELECT clock.issued
FROM instruments
JOIN instrument_clock AS clock ON clock.instrument = instruments.id
WHERE instruments.exchange = ?1 AND instruments.symbol = ?2
