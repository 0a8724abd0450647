-- The first rows of a piece of a table, counted up to $5, the times of the first and the last of them, and that of the piece's last row.
SELECT count(*), min(timestamp), max(timestamp),
       (
           SELECT timestamp FROM ohlcv_1s
           WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 AND timestamp < $4
           ORDER BY timestamp DESC
           LIMIT 1
       )
FROM (
    SELECT timestamp FROM ohlcv_1s
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 AND timestamp < $4
    ORDER BY timestamp
    LIMIT $5
) AS counted
