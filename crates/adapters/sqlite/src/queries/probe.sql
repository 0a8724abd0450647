-- Rows of a piece of a table from its begin on, counted up to ?4, and the time of the last one counted.
SELECT count(*), max(timestamp)
FROM (
    SELECT timestamp FROM ohlcv_1s
    WHERE instrument = ?1 AND timestamp >= ?2 AND timestamp < ?3
    ORDER BY timestamp
    LIMIT ?4
)
