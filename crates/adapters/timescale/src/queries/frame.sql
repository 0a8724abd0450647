-- Everything of a frame in one statement, so in one state of the database and one round trip. One row: an array
-- a column of each section, candles newest first. The bounds in time are arguments of their own, so that the
-- planner leaves out all chunks but the last one or two of each table.
--
-- $1 symbol, $2 exchange, $3 the instant, $4 the instant of knowledge of candles and trades (infinity: final),
-- $5 candles a timeframe, $6 candles to look at for closes, $7 start of the context window,
-- $8-$13 lower bounds of the timeframes, $14-$19 their last open times, $20 and $21 bounds of trades,
-- $22 lower bound of books, $23 imbalance rows, $24 their lower bound, $25 lower bound of the coverage log.
WITH instrument AS (
    SELECT max(first_time) AS first_time,
           coalesce(max(lead_us), 0) * INTERVAL '1 microsecond' AS lead,
           coalesce(max(book_lag_us), 0) * INTERVAL '1 microsecond' AS book_lag,
           max(lead_us) AS lead_us
    FROM instruments
    WHERE symbol = $1 AND exchange = $2
),
superseded AS MATERIALIZED (
    SELECT *
    FROM ohlcv_superseded
    WHERE symbol = $1 AND exchange = $2 AND known_from <= $4 AND known_to > $4
      AND timestamp >= least($8, $9, $10, $11, $12, $13) AND timestamp <= $3
      AND ((timeframe = '1s' AND timestamp >= $8)
        OR (timeframe = '1m' AND timestamp >= $9)
        OR (timeframe = '5m' AND timestamp >= $10)
        OR (timeframe = '15m' AND timestamp >= $11)
        OR (timeframe = '1h' AND timestamp >= $12)
        OR (timeframe = '1d' AND timestamp >= $13))
),
candles_1s AS (
    SELECT array_agg(timestamp) FILTER (WHERE place <= $5 OR timestamp >= $7) AS timestamps,
           array_agg(open_price) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(high_price) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(low_price) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(close_price) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(volume) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(taker_buy_volume) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(trade_count) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(first_event_time) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(first_sequence) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(first_index) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(last_event_time) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(last_sequence) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(last_index) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(revision) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(known_from) FILTER (WHERE place <= $5 OR timestamp >= $7),
           array_agg(close_price) AS closes
    FROM (SELECT *, row_number() OVER () AS place FROM (
        SELECT * FROM (
            (SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
             FROM ohlcv_1s
             WHERE symbol = $1 AND exchange = $2 AND timestamp >= $8 AND timestamp <= $14 AND known_from <= $4
             ORDER BY timestamp DESC
             LIMIT $6)
            UNION ALL
            SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
            FROM superseded
            WHERE timeframe = '1s'
        ) AS version
        ORDER BY timestamp DESC
        LIMIT $6
    ) AS newest) AS numbered
),
candles_1m AS (
    SELECT array_agg(timestamp) FILTER (WHERE place <= $5) AS timestamps,
           array_agg(open_price) FILTER (WHERE place <= $5),
           array_agg(high_price) FILTER (WHERE place <= $5),
           array_agg(low_price) FILTER (WHERE place <= $5),
           array_agg(close_price) FILTER (WHERE place <= $5),
           array_agg(volume) FILTER (WHERE place <= $5),
           array_agg(taker_buy_volume) FILTER (WHERE place <= $5),
           array_agg(trade_count) FILTER (WHERE place <= $5),
           array_agg(first_event_time) FILTER (WHERE place <= $5),
           array_agg(first_sequence) FILTER (WHERE place <= $5),
           array_agg(first_index) FILTER (WHERE place <= $5),
           array_agg(last_event_time) FILTER (WHERE place <= $5),
           array_agg(last_sequence) FILTER (WHERE place <= $5),
           array_agg(last_index) FILTER (WHERE place <= $5),
           array_agg(revision) FILTER (WHERE place <= $5),
           array_agg(known_from) FILTER (WHERE place <= $5),
           array_agg(close_price) AS closes
    FROM (SELECT *, row_number() OVER () AS place FROM (
        SELECT * FROM (
            (SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
             FROM ohlcv_1m
             WHERE symbol = $1 AND exchange = $2 AND timestamp >= $9 AND timestamp <= $15 AND known_from <= $4
             ORDER BY timestamp DESC
             LIMIT $6)
            UNION ALL
            SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
            FROM superseded
            WHERE timeframe = '1m'
        ) AS version
        ORDER BY timestamp DESC
        LIMIT $6
    ) AS newest) AS numbered
),
candles_5m AS (
    SELECT array_agg(timestamp) FILTER (WHERE place <= $5) AS timestamps,
           array_agg(open_price) FILTER (WHERE place <= $5),
           array_agg(high_price) FILTER (WHERE place <= $5),
           array_agg(low_price) FILTER (WHERE place <= $5),
           array_agg(close_price) FILTER (WHERE place <= $5),
           array_agg(volume) FILTER (WHERE place <= $5),
           array_agg(taker_buy_volume) FILTER (WHERE place <= $5),
           array_agg(trade_count) FILTER (WHERE place <= $5),
           array_agg(first_event_time) FILTER (WHERE place <= $5),
           array_agg(first_sequence) FILTER (WHERE place <= $5),
           array_agg(first_index) FILTER (WHERE place <= $5),
           array_agg(last_event_time) FILTER (WHERE place <= $5),
           array_agg(last_sequence) FILTER (WHERE place <= $5),
           array_agg(last_index) FILTER (WHERE place <= $5),
           array_agg(revision) FILTER (WHERE place <= $5),
           array_agg(known_from) FILTER (WHERE place <= $5),
           array_agg(close_price) AS closes
    FROM (SELECT *, row_number() OVER () AS place FROM (
        SELECT * FROM (
            (SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
             FROM ohlcv_5m
             WHERE symbol = $1 AND exchange = $2 AND timestamp >= $10 AND timestamp <= $16 AND known_from <= $4
             ORDER BY timestamp DESC
             LIMIT $6)
            UNION ALL
            SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
            FROM superseded
            WHERE timeframe = '5m'
        ) AS version
        ORDER BY timestamp DESC
        LIMIT $6
    ) AS newest) AS numbered
),
candles_15m AS (
    SELECT array_agg(timestamp) FILTER (WHERE place <= $5) AS timestamps,
           array_agg(open_price) FILTER (WHERE place <= $5),
           array_agg(high_price) FILTER (WHERE place <= $5),
           array_agg(low_price) FILTER (WHERE place <= $5),
           array_agg(close_price) FILTER (WHERE place <= $5),
           array_agg(volume) FILTER (WHERE place <= $5),
           array_agg(taker_buy_volume) FILTER (WHERE place <= $5),
           array_agg(trade_count) FILTER (WHERE place <= $5),
           array_agg(first_event_time) FILTER (WHERE place <= $5),
           array_agg(first_sequence) FILTER (WHERE place <= $5),
           array_agg(first_index) FILTER (WHERE place <= $5),
           array_agg(last_event_time) FILTER (WHERE place <= $5),
           array_agg(last_sequence) FILTER (WHERE place <= $5),
           array_agg(last_index) FILTER (WHERE place <= $5),
           array_agg(revision) FILTER (WHERE place <= $5),
           array_agg(known_from) FILTER (WHERE place <= $5),
           array_agg(close_price) AS closes
    FROM (SELECT *, row_number() OVER () AS place FROM (
        SELECT * FROM (
            (SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
             FROM ohlcv_15m
             WHERE symbol = $1 AND exchange = $2 AND timestamp >= $11 AND timestamp <= $17 AND known_from <= $4
             ORDER BY timestamp DESC
             LIMIT $6)
            UNION ALL
            SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
            FROM superseded
            WHERE timeframe = '15m'
        ) AS version
        ORDER BY timestamp DESC
        LIMIT $6
    ) AS newest) AS numbered
),
candles_1h AS (
    SELECT array_agg(timestamp) FILTER (WHERE place <= $5) AS timestamps,
           array_agg(open_price) FILTER (WHERE place <= $5),
           array_agg(high_price) FILTER (WHERE place <= $5),
           array_agg(low_price) FILTER (WHERE place <= $5),
           array_agg(close_price) FILTER (WHERE place <= $5),
           array_agg(volume) FILTER (WHERE place <= $5),
           array_agg(taker_buy_volume) FILTER (WHERE place <= $5),
           array_agg(trade_count) FILTER (WHERE place <= $5),
           array_agg(first_event_time) FILTER (WHERE place <= $5),
           array_agg(first_sequence) FILTER (WHERE place <= $5),
           array_agg(first_index) FILTER (WHERE place <= $5),
           array_agg(last_event_time) FILTER (WHERE place <= $5),
           array_agg(last_sequence) FILTER (WHERE place <= $5),
           array_agg(last_index) FILTER (WHERE place <= $5),
           array_agg(revision) FILTER (WHERE place <= $5),
           array_agg(known_from) FILTER (WHERE place <= $5),
           array_agg(close_price) AS closes
    FROM (SELECT *, row_number() OVER () AS place FROM (
        SELECT * FROM (
            (SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
             FROM ohlcv_1h
             WHERE symbol = $1 AND exchange = $2 AND timestamp >= $12 AND timestamp <= $18 AND known_from <= $4
             ORDER BY timestamp DESC
             LIMIT $6)
            UNION ALL
            SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
            FROM superseded
            WHERE timeframe = '1h'
        ) AS version
        ORDER BY timestamp DESC
        LIMIT $6
    ) AS newest) AS numbered
),
candles_1d AS (
    SELECT array_agg(timestamp) FILTER (WHERE place <= $5) AS timestamps,
           array_agg(open_price) FILTER (WHERE place <= $5),
           array_agg(high_price) FILTER (WHERE place <= $5),
           array_agg(low_price) FILTER (WHERE place <= $5),
           array_agg(close_price) FILTER (WHERE place <= $5),
           array_agg(volume) FILTER (WHERE place <= $5),
           array_agg(taker_buy_volume) FILTER (WHERE place <= $5),
           array_agg(trade_count) FILTER (WHERE place <= $5),
           array_agg(first_event_time) FILTER (WHERE place <= $5),
           array_agg(first_sequence) FILTER (WHERE place <= $5),
           array_agg(first_index) FILTER (WHERE place <= $5),
           array_agg(last_event_time) FILTER (WHERE place <= $5),
           array_agg(last_sequence) FILTER (WHERE place <= $5),
           array_agg(last_index) FILTER (WHERE place <= $5),
           array_agg(revision) FILTER (WHERE place <= $5),
           array_agg(known_from) FILTER (WHERE place <= $5),
           array_agg(close_price) AS closes
    FROM (SELECT *, row_number() OVER () AS place FROM (
        SELECT * FROM (
            (SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
             FROM ohlcv_1d
             WHERE symbol = $1 AND exchange = $2 AND timestamp >= $13 AND timestamp <= $19 AND known_from <= $4
             ORDER BY timestamp DESC
             LIMIT $6)
            UNION ALL
            SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
                    first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index, revision, known_from
            FROM superseded
            WHERE timeframe = '1d'
        ) AS version
        ORDER BY timestamp DESC
        LIMIT $6
    ) AS newest) AS numbered
),
open_trades AS (
    SELECT array_agg(timestamp) AS timestamps, array_agg(sequence), array_agg(message_index), array_agg(trade_id),
           array_agg(price), array_agg(size), array_agg(side), array_agg(first_trade_id),
           array_agg(last_trade_id), array_agg(received_at), array_agg(available_at)
    FROM (
        SELECT timestamp, sequence, message_index, trade_id, price, size, side, first_trade_id, last_trade_id, received_at, available_at
        FROM trade_events
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $20 AND timestamp < $21
          AND timestamp >= coalesce((SELECT timestamps[1] + INTERVAL '1 second' FROM candles_1s), '-infinity')
          AND timestamp <= $3 + (SELECT lead FROM instrument)
          AND available_at <= $4
        ORDER BY timestamp, sequence, message_index
    ) AS trade
),
-- The last book by second. A later stamp can only be found as far before it as a stamp ever lagged.
last_second AS (
    SELECT available_at - (SELECT book_lag FROM instrument) AS since
    FROM order_book_snapshots
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $22 AND timestamp <= $3 AND available_at <= $3
    ORDER BY timestamp DESC
    LIMIT 1
),
book AS (
    SELECT timestamp, price_scale, size_scale, bid_prices, bid_sizes, ask_prices, ask_sizes, wide_levels,
           sequence, event_time, received_at, available_at, bucket_size, early, partial, covered
    FROM order_book_snapshots
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $22 AND timestamp <= $3 AND available_at <= $3
      AND timestamp >= (SELECT since FROM last_second)
    ORDER BY available_at DESC, timestamp DESC
    LIMIT 1
),
imbalances AS (
    SELECT array_agg(timestamp) AS timestamps, array_agg(imbalance_1s), array_agg(imbalance_5s), array_agg(imbalance_15s), array_agg(imbalance_60s),
           array_agg(volume_imbalance_1s), array_agg(volume_imbalance_5s), array_agg(volume_imbalance_15s), array_agg(volume_imbalance_60s),
           array_agg(price_range), array_agg(bid_volume), array_agg(ask_volume), array_agg(available_at)
    FROM (
        SELECT timestamp, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s, volume_imbalance_1s, volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume, ask_volume, available_at
        FROM order_book_imbalances
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $24 AND timestamp <= $3 AND available_at <= $3
        ORDER BY timestamp DESC
        LIMIT $23
    ) AS imbalance
),
-- Begin of the earliest row, or of the day that a forming candle may begin with.
earliest AS (
    SELECT date_trunc('day', least(candles_1s.timestamps[cardinality(candles_1s.timestamps)], candles_1m.timestamps[cardinality(candles_1m.timestamps)], candles_5m.timestamps[cardinality(candles_5m.timestamps)],
                             candles_15m.timestamps[cardinality(candles_15m.timestamps)], candles_1h.timestamps[cardinality(candles_1h.timestamps)], candles_1d.timestamps[cardinality(candles_1d.timestamps)],
                             open_trades.timestamps[1], (SELECT timestamp FROM book),
                             imbalances.timestamps[cardinality(imbalances.timestamps)]), 'UTC') AS time
    FROM candles_1s CROSS JOIN candles_1m CROSS JOIN candles_5m CROSS JOIN candles_15m CROSS JOIN candles_1h
    CROSS JOIN candles_1d CROSS JOIN open_trades CROSS JOIN imbalances
),
runs AS (
    SELECT *
    FROM stream_coverage_runs
    WHERE symbol = $1 AND exchange = $2 AND first_available_at <= $3
      AND furthest_end > coalesce((SELECT time FROM earliest), '-infinity')
),
coverage AS (
    SELECT array_agg(stream), array_agg(begin_time), array_agg(end_time), array_agg(state), array_agg(reason), array_agg(available_at)
    FROM (
        SELECT stream, begin_time, end_time, state, reason, available_at
        FROM runs
        WHERE available_at <= $3
        UNION ALL
        SELECT stream, begin_time, furthest_end, state, reason, furthest_at
        FROM runs
        WHERE available_at <= $3 AND furthest_at < available_at
        UNION ALL
        -- A run that went on after the instant: its last row until then, null where that lies before the bound.
        SELECT runs.stream, runs.begin_time, last.end_time, runs.state, runs.reason, last.available_at
        FROM runs
        LEFT JOIN LATERAL (
            SELECT end_time, available_at
            FROM stream_coverage
            WHERE symbol = $1 AND exchange = $2 AND available_at >= $25 AND available_at <= $3
              AND stream = runs.stream AND state = runs.state AND begin_time = runs.begin_time
            ORDER BY available_at DESC
            LIMIT 1
        ) AS last ON true
        WHERE runs.available_at > $3
    ) AS row
)
SELECT instrument.first_time, instrument.lead_us, (SELECT since FROM last_second),
       candles_1s.*, candles_1m.*, candles_5m.*, candles_15m.*, candles_1h.*, candles_1d.*,
       open_trades.*, imbalances.*, coverage.*, book.*
FROM instrument CROSS JOIN candles_1s CROSS JOIN candles_1m CROSS JOIN candles_5m CROSS JOIN candles_15m
CROSS JOIN candles_1h CROSS JOIN candles_1d CROSS JOIN open_trades CROSS JOIN imbalances CROSS JOIN coverage
LEFT JOIN book ON true
