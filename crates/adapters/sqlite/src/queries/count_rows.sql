SELECT count(*) FROM ohlcv_1s
