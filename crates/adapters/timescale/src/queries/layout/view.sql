CREATE OR REPLACE VIEW the_aggregate AS
SELECT timestamp, symbol, 'the_timeframe'::text AS timeframe, open_price, high_price, low_price, close_price, volume,
       trade_count, exchange, taker_buy_volume
FROM the_own
