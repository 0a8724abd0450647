-- The closes of all versions of candles that open in a range, with their stamps.
-- $3 timeframe, $4 and $5 bound the open times.
SELECT timestamp, known_from, close_price
FROM ohlcv_1s
WHERE symbol = $1 AND exchange = $2 AND timestamp >= $4 AND timestamp < $5
UNION ALL
SELECT timestamp, known_from, close_price
FROM ohlcv_superseded
WHERE symbol = $1 AND exchange = $2 AND timeframe = $3 AND timestamp >= $4 AND timestamp < $5
