SELECT issued FROM instrument_clock WHERE instrument = ?1
