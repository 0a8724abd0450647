INSERT INTO ohlcv_indicators (
    symbol, exchange, timeframe, timestamp, feature_version, known_from, rsi_14, macd, macd_signal, macd_hist,
    bb_upper, bb_middle, bb_lower
)
SELECT $1, $2, $3, new.timestamp, $4, new.known_from, new.rsi_14, new.macd, new.macd_signal, new.macd_hist,
       new.bb_upper, new.bb_middle, new.bb_lower
FROM unnest(
    $5::timestamptz[], $6::timestamptz[], $7::double precision[], $8::double precision[], $9::double precision[],
    $10::double precision[], $11::double precision[], $12::double precision[], $13::double precision[]
) AS new (
    timestamp, known_from, rsi_14, macd, macd_signal, macd_hist, bb_upper, bb_middle, bb_lower
)
ON CONFLICT DO NOTHING
