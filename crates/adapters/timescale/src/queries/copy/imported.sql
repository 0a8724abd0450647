COPY ohlcv_imported (
    symbol, exchange, source, import_id, timeframe, timestamp, trade_count, open_price, high_price, low_price,
    close_price, volume, taker_buy_volume
) FROM STDIN (FORMAT binary)
