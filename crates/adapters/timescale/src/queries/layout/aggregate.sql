-- A bucket holds candles of distinct periods, so the first and the last are those by time. Sums are exact. What is not
-- known of every part is not known of the whole.
CREATE MATERIALIZED VIEW the_aggregate
WITH (
    timescaledb.continuous,
    timescaledb.materialized_only = true,
    timescaledb.create_group_indexes = false
) AS
SELECT time_bucket(INTERVAL 'the_width', timestamp) AS timestamp, symbol, 'the_timeframe'::text AS timeframe,
       first(open_price, timestamp) AS open_price, max(high_price) AS high_price, min(low_price) AS low_price,
       last(close_price, timestamp) AS close_price, sum(volume) AS volume, sum(trade_count)::bigint AS trade_count,
       exchange,
       CASE WHEN count(taker_buy_volume) = count(*) THEN sum(taker_buy_volume) END AS taker_buy_volume
FROM the_source
GROUP BY time_bucket(INTERVAL 'the_width', timestamp), symbol, exchange
WITH NO DATA
