-- What is stored of a candle makes way for a version of a higher revision.
INSERT INTO ohlcv_superseded (
    symbol, exchange, timeframe, known_to, timestamp, known_from, first_event_time, first_sequence,
    first_index, last_event_time,
    last_sequence, last_index, trade_count, revision, open_price, high_price,
    low_price, close_price, volume, taker_buy_volume
)
SELECT $1, $2, $3, new.known_from, old.timestamp, old.known_from, old.first_event_time, old.first_sequence,
       old.first_index, old.last_event_time,
       old.last_sequence, old.last_index, old.trade_count, old.revision, old.open_price, old.high_price,
       old.low_price, old.close_price, old.volume, old.taker_buy_volume
FROM unnest($4::timestamptz[], $5::integer[], $6::timestamptz[]) AS new (timestamp, revision, known_from)
CROSS JOIN LATERAL (
    SELECT *
    FROM ohlcv_1s AS stored
    WHERE stored.symbol = $1 AND stored.exchange = $2 AND stored.timestamp = new.timestamp
      AND stored.timestamp >= (SELECT min(bound) FROM unnest($4::timestamptz[]) AS bound)
      AND stored.revision < new.revision
) AS old
ON CONFLICT DO NOTHING
