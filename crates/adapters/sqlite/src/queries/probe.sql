-- The first rows of a piece of a table, counted up to ?4, the times of the first and the last of them, and that of the piece's last row.
SELECT count(*), min(timestamp), max(timestamp),
       (
           SELECT timestamp FROM ohlcv_1s
           WHERE instrument = ?1 AND timestamp >= ?2 AND timestamp < ?3
           ORDER BY timestamp DESC
           LIMIT 1
       )
FROM (
    SELECT timestamp FROM ohlcv_1s
    WHERE instrument = ?1 AND timestamp >= ?2 AND timestamp < ?3
    ORDER BY timestamp
    LIMIT ?4
)
