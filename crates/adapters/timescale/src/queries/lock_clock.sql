-- Every batch moves the clock first, and holds its row to the end of its transaction.
SELECT 1 FROM instrument_clock WHERE symbol = $1 AND exchange = $2 FOR UPDATE
