INSERT INTO ohlcv_imported (
    import, timeframe, timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume,
    trade_count
)
VALUES (…)
ON CONFLICT (import, timeframe, timestamp) DO UPDATE
SET open_price = excluded.open_price, high_price = excluded.high_price, low_price = excluded.low_price,
    close_price = excluded.close_price, volume = excluded.volume, taker_buy_volume = excluded.taker_buy_volume,
    trade_count = excluded.trade_count
