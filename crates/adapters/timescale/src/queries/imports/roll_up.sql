-- Rolls an import up into all coarser timeframes at once: of each the periods that lie in the range as a whole.
-- Of unknown parts the sum is unknown.
-- $1 symbol, $2 exchange, $3 source, $4 import, $5 its timeframe; $6 coarser timeframes, $7 their lengths in
-- microseconds, $8 and $9 from where and to where their whole periods reach.
INSERT INTO ohlcv_imported (
    symbol, exchange, source, import_id, timeframe, timestamp, trade_count, open_price, high_price, low_price,
    close_price, volume, taker_buy_volume
)
SELECT $1, $2, $3, $4, coarser.timeframe,
       date_bin(coarser.length * INTERVAL '1 microsecond', finer.timestamp, TIMESTAMPTZ '1970-01-01Z') AS open_time,
       CASE WHEN count(finer.trade_count) = count(*) THEN sum(finer.trade_count)::bigint END,
       first(finer.open_price, finer.timestamp), max(finer.high_price), min(finer.low_price),
       last(finer.close_price, finer.timestamp), sum(finer.volume),
       CASE WHEN count(finer.taker_buy_volume) = count(*) THEN sum(finer.taker_buy_volume) END
FROM unnest($6::text[], $7::bigint[], $8::timestamptz[], $9::timestamptz[])
    AS coarser (timeframe, length, covered_from, covered_to)
JOIN ohlcv_imported AS finer ON finer.timestamp >= coarser.covered_from AND finer.timestamp < coarser.covered_to
WHERE finer.symbol = $1 AND finer.exchange = $2 AND finer.source = $3 AND finer.import_id = $4
  AND finer.timeframe = $5
GROUP BY coarser.timeframe, open_time
