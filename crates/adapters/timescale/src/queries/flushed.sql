SELECT issued FROM instrument_clock WHERE symbol = $1 AND exchange = $2
