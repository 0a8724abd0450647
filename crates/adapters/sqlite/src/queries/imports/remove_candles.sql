-- The first ?3 candles of import ?1 and timeframe ?2. Whatever a statement removes it has noted in memory before.
DELETE FROM ohlcv_imported
WHERE import = ?1 AND timeframe = ?2 AND timestamp <= (
    SELECT max(timestamp)
    FROM (
        SELECT timestamp
        FROM ohlcv_imported
        WHERE import = ?1 AND timeframe = ?2
        ORDER BY timestamp
        LIMIT ?3
    )
)
