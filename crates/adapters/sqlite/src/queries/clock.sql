SELECT issued, live_since, watermark, state, book
FROM instrument_clock
WHERE instrument = ?1
