-- Closes before an instant, newest first, and from it on.
(SELECT timestamp, close_price
 FROM ohlcv_1s
 WHERE symbol = $1 AND exchange = $2 AND timestamp >= $4 AND timestamp < $3
 ORDER BY timestamp DESC
 LIMIT $5)
UNION ALL
(SELECT timestamp, close_price
 FROM ohlcv_1s
 WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3
 ORDER BY timestamp
 LIMIT $6)
