SELECT exchange, symbol FROM instrument_clock
