-- The first and the last time of an instrument's rows, and how many there are: counted up to $4. The table is another one's in its turn.
SELECT (
           SELECT timestamp FROM ohlcv_1s
           WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3
           ORDER BY timestamp
           LIMIT 1
       ),
       (
           SELECT timestamp FROM ohlcv_1s
           WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3
           ORDER BY timestamp DESC
           LIMIT 1
       ),
       (
           SELECT count(*)
           FROM (
               SELECT 1 FROM ohlcv_1s WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 ORDER BY timestamp LIMIT $4
           ) AS counted
       )
