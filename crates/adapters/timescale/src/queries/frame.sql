-- Everything of a frame in one statement, so in one state of the database and one round trip. One row; a section is
-- its records in binary form, end to end, candles and imbalances newest first.
--
-- Planning is much of the work, so every table is named once, and what the caller can do with the rows it does: the
-- versions known then but replaced since come apart from the current ones, and a run of the coverage log comes with
-- its furthest row. The bounds in time are arguments, so that the planner leaves out all chunks but the last one or
-- two of each table. A record is made binary row by row: of an array of records, PostgreSQL keeps a kilobyte a field.
-- Which candles come whole is told by their time: counting them would copy all the others.
--
-- $1 symbol, $2 exchange, $3 the instant, $4 the instant of knowledge of candles and trades (infinity: final),
-- $5 candles to look at for closes, $6-$11 lower bounds of the timeframes, $12-$17 of the candles that come whole,
-- $18-$23 their last open times, $24 and $25 bounds of trades, $26 lower bound of books, $27 how many are looked at,
-- $28 imbalance rows, $29 their lower bound, $30 lower bound of the coverage log, $31 whether the closes' open times
-- are wanted, $32 lower bound of the coverage runs' ends.
WITH instrument AS (
    SELECT max(first_time) AS first_time, max(first_book_time) AS first_book_time,
           max(first_imbalance_time) AS first_imbalance_time, max(lead_us) AS lead_us,
           coalesce(max(book_lag_us), 0) * INTERVAL '1 microsecond' AS book_lag,
           coalesce(bool_or(has_imports), false) AS has_imports
    FROM instruments
    WHERE symbol = $1 AND exchange = $2
),
revised AS (
    SELECT string_agg(record_send(ROW(
               timeframe, timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume,
               trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') AS candles
    FROM ohlcv_superseded
    WHERE symbol = $1 AND exchange = $2 AND known_from <= $4 AND known_to > $4
      AND timestamp >= least($6, $7, $8, $9, $10, $11) AND timestamp <= $3
      AND ((timeframe = '1s' AND timestamp >= $6)
            OR (timeframe = '1m' AND timestamp >= $7)
            OR (timeframe = '5m' AND timestamp >= $8)
            OR (timeframe = '15m' AND timestamp >= $9)
            OR (timeframe = '1h' AND timestamp >= $10)
            OR (timeframe = '1d' AND timestamp >= $11))
),
candles_1s AS (
    SELECT string_agg(record_send(ROW(
               timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') FILTER (WHERE timestamp >= $12) AS candles,
           array_agg(close_price) AS closes, array_agg(timestamp) FILTER (WHERE $31) AS times,
           max(timestamp) AS newest
    FROM (
        SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
        FROM ohlcv_1s
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $6 AND timestamp <= $18 AND known_from <= $4
        ORDER BY timestamp DESC
        LIMIT $5
    ) AS candle
),
candles_1m AS (
    SELECT string_agg(record_send(ROW(
               timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') FILTER (WHERE timestamp >= $13) AS candles,
           array_agg(close_price) AS closes, array_agg(timestamp) FILTER (WHERE $31) AS times
    FROM (
        SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
        FROM ohlcv_1m
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $7 AND timestamp <= $19 AND known_from <= $4
        ORDER BY timestamp DESC
        LIMIT $5
    ) AS candle
),
candles_5m AS (
    SELECT string_agg(record_send(ROW(
               timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') FILTER (WHERE timestamp >= $14) AS candles,
           array_agg(close_price) AS closes, array_agg(timestamp) FILTER (WHERE $31) AS times
    FROM (
        SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
        FROM ohlcv_5m
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $8 AND timestamp <= $20 AND known_from <= $4
        ORDER BY timestamp DESC
        LIMIT $5
    ) AS candle
),
candles_15m AS (
    SELECT string_agg(record_send(ROW(
               timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') FILTER (WHERE timestamp >= $15) AS candles,
           array_agg(close_price) AS closes, array_agg(timestamp) FILTER (WHERE $31) AS times
    FROM (
        SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
        FROM ohlcv_15m
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $9 AND timestamp <= $21 AND known_from <= $4
        ORDER BY timestamp DESC
        LIMIT $5
    ) AS candle
),
candles_1h AS (
    SELECT string_agg(record_send(ROW(
               timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') FILTER (WHERE timestamp >= $16) AS candles,
           array_agg(close_price) AS closes, array_agg(timestamp) FILTER (WHERE $31) AS times
    FROM (
        SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
        FROM ohlcv_1h
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $10 AND timestamp <= $22 AND known_from <= $4
        ORDER BY timestamp DESC
        LIMIT $5
    ) AS candle
),
candles_1d AS (
    SELECT string_agg(record_send(ROW(
               timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
           )), '') FILTER (WHERE timestamp >= $17) AS candles,
           array_agg(close_price) AS closes, array_agg(timestamp) FILTER (WHERE $31) AS times
    FROM (
        SELECT timestamp, open_price, high_price, low_price, close_price, volume, taker_buy_volume, trade_count,
               first_event_time, first_sequence, first_index, last_event_time, last_sequence, last_index,
               revision, known_from
        FROM ohlcv_1d
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $11 AND timestamp <= $23 AND known_from <= $4
        ORDER BY timestamp DESC
        LIMIT $5
    ) AS candle
),
open_trades AS (
    SELECT string_agg(record_send(ROW(
               timestamp, sequence, message_index, trade_id, price, size, side, first_trade_id, last_trade_id,
               received_at, available_at
           )), '') AS trades
    FROM (
        SELECT *
        FROM trade_events
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $24 AND timestamp < $25
          AND timestamp >= coalesce((SELECT newest + INTERVAL '1 second' FROM candles_1s), '-infinity')
          AND timestamp <= $3 + (SELECT coalesce(lead_us, 0) * INTERVAL '1 microsecond' FROM instrument)
          AND available_at <= $4
        ORDER BY timestamp, sequence, message_index
    ) AS trade
),
-- The last ones by second, and of these the one with the last stamp. One that lies before them can only have a later
-- stamp where a stamp ever lagged that far.
books AS (
    SELECT timestamp, price_scale, size_scale, bid_prices, bid_sizes, ask_prices, ask_sizes, wide_levels,
           sequence, event_time, received_at, available_at, bucket_size, early, partial, covered
    FROM order_book_snapshots
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $26 AND timestamp <= $3 AND available_at <= $3
    ORDER BY timestamp DESC
    LIMIT $27
),
book AS (
    SELECT seen.since, seen.oldest, seen.count, books.*
    FROM books
    CROSS JOIN (
        SELECT max(available_at) - (SELECT book_lag FROM instrument) AS since, min(timestamp) AS oldest,
               count(*) AS count
        FROM books
    ) AS seen
    ORDER BY books.available_at DESC, books.timestamp DESC
    LIMIT 1
),
imbalances AS (
    SELECT string_agg(record_send(ROW(
               timestamp, imbalance_1s, imbalance_5s, imbalance_15s, imbalance_60s, volume_imbalance_1s,
               volume_imbalance_5s, volume_imbalance_15s, volume_imbalance_60s, price_range, bid_volume, ask_volume,
               available_at
           )), '') AS imbalances
    FROM (
        SELECT *
        FROM order_book_imbalances
        WHERE symbol = $1 AND exchange = $2 AND timestamp >= $29 AND timestamp <= $3 AND available_at <= $3
        ORDER BY timestamp DESC
        LIMIT $28
    ) AS imbalance
),
-- Of a run that went on after the instant, its last row until then: null where that lies before the bound.
coverage AS (
    SELECT string_agg(record_send(ROW(
               run.stream, run.begin_time, run.state, run.reason,
               CASE WHEN run.available_at <= $3 THEN run.end_time ELSE last.end_time END,
               CASE WHEN run.available_at <= $3 THEN run.available_at ELSE last.available_at END,
               CASE WHEN run.available_at <= $3 THEN run.furthest_end END,
               CASE WHEN run.available_at <= $3 THEN run.furthest_at END
           )), '') AS coverage
    FROM stream_coverage_runs AS run
    LEFT JOIN LATERAL (
        SELECT end_time, available_at
        FROM stream_coverage
        WHERE run.available_at > $3 AND symbol = $1 AND exchange = $2 AND available_at >= $30 AND available_at <= $3
          AND stream = run.stream AND state = run.state AND begin_time = run.begin_time
        ORDER BY available_at DESC
        LIMIT 1
    ) AS last ON true
    WHERE run.symbol = $1 AND run.exchange = $2 AND run.first_available_at <= $3 AND run.furthest_end >= $32
)
SELECT instrument.first_time, instrument.first_book_time, instrument.first_imbalance_time, instrument.lead_us,
       instrument.has_imports,
       revised.candles,
       candles_1s.candles, candles_1s.closes, candles_1s.times,
       candles_1m.candles, candles_1m.closes, candles_1m.times,
       candles_5m.candles, candles_5m.closes, candles_5m.times,
       candles_15m.candles, candles_15m.closes, candles_15m.times,
       candles_1h.candles, candles_1h.closes, candles_1h.times,
       candles_1d.candles, candles_1d.closes, candles_1d.times,
       open_trades.trades, imbalances.imbalances, coverage.coverage, book.*
FROM instrument CROSS JOIN revised CROSS JOIN candles_1s CROSS JOIN candles_1m CROSS JOIN candles_5m
CROSS JOIN candles_15m CROSS JOIN candles_1h CROSS JOIN candles_1d CROSS JOIN open_trades CROSS JOIN imbalances
CROSS JOIN coverage
LEFT JOIN book ON true
