UPDATE instrument_clock
SET issued = $3, live_since = $4, watermark = $5, state = $6, book = $7
WHERE symbol = $1 AND exchange = $2 AND issued = $8 AND issued <= $3
