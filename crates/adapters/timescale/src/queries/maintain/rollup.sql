SELECT time_bucket(INTERVAL 'the_width', timestamp) AS timestamp, symbol, exchange,
       first(open_price, timestamp) AS open_price, max(high_price) AS high_price, min(low_price) AS low_price,
       last(close_price, timestamp) AS close_price, sum(volume) AS volume, sum(trade_count)::bigint AS trade_count,
       CASE WHEN count(taker_buy_volume) = count(*) THEN sum(taker_buy_volume) END AS taker_buy_volume
FROM the_finer
WHERE timestamp >= $1 AND timestamp < $2
GROUP BY time_bucket(INTERVAL 'the_width', timestamp), symbol, exchange
