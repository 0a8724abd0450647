-- Whether import ?1 has a candle of timeframe ?2 from ?3 to ?4.
SELECT EXISTS (
    SELECT 1 FROM ohlcv_imported WHERE import = ?1 AND timeframe = ?2 AND timestamp >= ?3 AND timestamp <= ?4
)
