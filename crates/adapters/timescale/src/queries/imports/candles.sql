-- Candles of several imports and timeframes, each with its own bounds and limit; a limit of null is none.
-- The outer bounds let the planner leave out chunks, which it cannot by those of the list.
-- $1 symbol, $2 exchange; $3 positions, $4 sources, $5 imports, $6 timeframes, $7 and $8 bounds, $9 limits;
-- $10 and $11 bounds of all.
SELECT wanted.position, wanted.timeframe, candle.timestamp, candle.open_price, candle.high_price, candle.low_price,
       candle.close_price, candle.volume, candle.taker_buy_volume, candle.trade_count
FROM unnest($3::integer[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[], $9::bigint[])
    AS wanted (position, source, import_id, timeframe, lower, upper, count)
CROSS JOIN LATERAL (
    SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count
    FROM ohlcv_imported
    WHERE symbol = $1 AND exchange = $2 AND source = wanted.source AND import_id = wanted.import_id
      AND timeframe = wanted.timeframe AND timestamp >= wanted.lower AND timestamp < wanted.upper
      AND timestamp >= $10 AND timestamp < $11
    ORDER BY timestamp DESC
    LIMIT wanted.count
) AS candle
