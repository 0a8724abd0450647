-- Our own candles of [$1, $2) against the same ones rolled up: how many, how many differ, and the first $3 of those.
-- A candle is compared once its instrument's trades have passed its end: before that it is not closed. An instrument
-- without seconds was given coarser candles, which nothing rolls up to.
WITH closed AS (
    SELECT clock.symbol, clock.exchange, clock.watermark
    FROM instrument_clock AS clock
    WHERE EXISTS (SELECT FROM ohlcv_1s AS second WHERE second.symbol = clock.symbol AND second.exchange = clock.exchange)
),
pair AS (
    SELECT symbol, exchange, timestamp,
           (own.open_price, own.high_price, own.low_price, own.close_price, own.volume, own.trade_count, own.taker_buy_volume)
               IS DISTINCT FROM
           (rolled.open_price, rolled.high_price, rolled.low_price, rolled.close_price, rolled.volume,
            rolled.trade_count, rolled.taker_buy_volume) AS differs,
           CASE WHEN own.open_price IS NULL THEN 'no candle' ELSE format('o %s h %s l %s c %s v %s n %s taker %s',
               trim_scale(own.open_price), trim_scale(own.high_price), trim_scale(own.low_price),
               trim_scale(own.close_price), trim_scale(own.volume), own.trade_count,
               coalesce(trim_scale(own.taker_buy_volume)::text, 'unknown')) END AS own_text,
           CASE WHEN rolled.open_price IS NULL THEN 'no candle' ELSE format('o %s h %s l %s c %s v %s n %s taker %s',
               trim_scale(rolled.open_price), trim_scale(rolled.high_price), trim_scale(rolled.low_price),
               trim_scale(rolled.close_price), trim_scale(rolled.volume), rolled.trade_count,
               coalesce(trim_scale(rolled.taker_buy_volume)::text, 'unknown')) END AS rolled_text
    FROM (SELECT * FROM the_own WHERE timestamp >= $1 AND timestamp < $2) AS own
    FULL JOIN (SELECT * FROM the_rolled WHERE timestamp >= $1 AND timestamp < $2) AS rolled
        USING (symbol, exchange, timestamp)
    JOIN closed USING (symbol, exchange)
    WHERE timestamp + INTERVAL 'the_width' <= closed.watermark
)
SELECT count(*), count(*) FILTER (WHERE differs),
       coalesce((array_agg(
           format('%s:%s %s: the table has %s; rolled up it is %s', exchange, symbol,
               to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), own_text, rolled_text)
           ORDER BY timestamp, exchange, symbol
       ) FILTER (WHERE differs))[1:$3::integer], '{}')
FROM pair
