INSERT INTO ohlcv_imported (
    symbol, exchange, source, import_id, timeframe, timestamp, trade_count, open_price, high_price, low_price,
    close_price, volume, taker_buy_volume
)
SELECT $1, $2, $3, $4, $5, new.*
FROM unnest(
    $6::timestamptz[], $7::bigint[], $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[],
    $13::numeric[]
) AS new
ON CONFLICT (symbol, exchange, source, import_id, timeframe, timestamp) DO NOTHING
