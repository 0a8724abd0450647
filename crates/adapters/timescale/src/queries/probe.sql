-- Rows of a piece of a table from its begin on, counted up to $5, and the time of the last one counted.
SELECT count(*), max(timestamp)
FROM (
    SELECT timestamp FROM ohlcv_1s
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 AND timestamp < $4
    ORDER BY timestamp
    LIMIT $5
) AS counted
