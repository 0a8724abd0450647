SELECT issued, live_since, watermark, state, book FROM instrument_clock WHERE symbol = $1 AND exchange = $2
