-- The first candle of an import that lies outside the range it is to speak of. Both sides are looked at by themselves: what
-- lies in between is most of it.
(
    SELECT timestamp
    FROM ohlcv_imported
    WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4 AND timeframe = $5 AND timestamp < $6
    ORDER BY timestamp
    LIMIT 1
)
UNION ALL
(
    SELECT timestamp
    FROM ohlcv_imported
    WHERE symbol = $1 AND exchange = $2 AND source = $3 AND import_id = $4 AND timeframe = $5 AND timestamp >= $7
    ORDER BY timestamp
    LIMIT 1
)
ORDER BY timestamp
LIMIT 1
