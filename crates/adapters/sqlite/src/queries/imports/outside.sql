-- The first candle of import ?1 and timeframe ?2 outside of [?3, ?4). Both sides are looked at by themselves: what lies in
-- between is most of it.
SELECT min(timestamp)
FROM (
    SELECT min(timestamp) AS timestamp
    FROM ohlcv_imported
    WHERE import = ?1 AND timeframe = ?2 AND timestamp < ?3
    UNION ALL
    SELECT min(timestamp)
    FROM ohlcv_imported
    WHERE import = ?1 AND timeframe = ?2 AND timestamp >= ?4
)
