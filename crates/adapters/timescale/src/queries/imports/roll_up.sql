-- Rolls candles of an import up from one timeframe into the next: the periods that lie in the range as a whole. The finer
-- candles of these are all there, since they lie in it as a whole too. Of unknown parts the sum is unknown.
-- $1 symbol, $2 exchange, $3 source, $4 import, $5 the finer timeframe; $6 the coarser one, $7 its length in microseconds,
-- $8 and $9 from where and to where its whole periods reach.
INSERT INTO ohlcv_imported (
    symbol, exchange, source, import_id, timeframe, timestamp, trade_count, open_price, high_price, low_price,
    close_price, volume, taker_buy_volume
)
SELECT $1, $2, $3, $4, $6,
       date_bin($7 * INTERVAL '1 microsecond', finer.timestamp, TIMESTAMPTZ '1970-01-01Z') AS open_time,
       CASE WHEN count(finer.trade_count) = count(*) THEN sum(finer.trade_count)::bigint END,
       first(finer.open_price, finer.timestamp), max(finer.high_price), min(finer.low_price),
       last(finer.close_price, finer.timestamp), sum(finer.volume),
       CASE WHEN count(finer.taker_buy_volume) = count(*) THEN sum(finer.taker_buy_volume) END
FROM ohlcv_imported AS finer
WHERE finer.symbol = $1 AND finer.exchange = $2 AND finer.source = $3 AND finer.import_id = $4
  AND finer.timeframe = $5 AND finer.timestamp >= $8 AND finer.timestamp < $9
GROUP BY open_time
