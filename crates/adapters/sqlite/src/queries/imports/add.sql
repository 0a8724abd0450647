INSERT INTO ohlcv_imported (
    import, timeframe, timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume,
    trade_count
)
VALUES (…)
ON CONFLICT DO NOTHING
