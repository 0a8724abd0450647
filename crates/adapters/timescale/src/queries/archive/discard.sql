DELETE FROM ohlcv_1s WHERE symbol = $1 AND exchange = $2
