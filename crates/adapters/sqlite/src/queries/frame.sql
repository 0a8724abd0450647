-- Everything of a frame that is bounded by a number of rows, in one statement: what it costs to go to the connection's thread
-- and back is more than the reading of a section. A section is one text, its rows newest first, each ended by a semicolon,
-- their values separated by spaces; null is a dash.
--
-- ?1 exchange, ?2 symbol, ?3 the instant, ?4 the instant of knowledge of candles, ?5 seconds to return, ?6 candles of the
-- other timeframes, ?7 closes, ?8 imbalance rows, ?9 to ?14 ends of the open times (exclusive) of the timeframes.
SELECT known.id, known.lead_us,
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                candle.timestamp, coalesce(old.known_from, candle.known_from),
                coalesce(old.open_price, candle.open_price), coalesce(old.high_price, candle.high_price),
                coalesce(old.low_price, candle.low_price), coalesce(old.close_price, candle.close_price),
                coalesce(old.volume, candle.volume),
                coalesce(CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END, '-'),
                coalesce(old.trade_count, candle.trade_count), coalesce(old.first_event_time, candle.first_event_time),
                coalesce(old.first_sequence, candle.first_sequence), coalesce(old.first_index, candle.first_index),
                coalesce(old.last_event_time, candle.last_event_time),
                coalesce(old.last_sequence, candle.last_sequence), coalesce(old.last_index, candle.last_index),
                coalesce(old.revision, candle.revision)
            ) AS line
            FROM ohlcv_1s AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1s' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?9
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?5
        )
    ),
    (
        SELECT group_concat(close_price, ' ')
        FROM (
            SELECT coalesce(old.close_price, candle.close_price) AS close_price
            FROM ohlcv_1s AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1s' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?9
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?7
        )
    ),
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                candle.timestamp, coalesce(old.known_from, candle.known_from),
                coalesce(old.open_price, candle.open_price), coalesce(old.high_price, candle.high_price),
                coalesce(old.low_price, candle.low_price), coalesce(old.close_price, candle.close_price),
                coalesce(old.volume, candle.volume),
                coalesce(CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END, '-'),
                coalesce(old.trade_count, candle.trade_count), coalesce(old.first_event_time, candle.first_event_time),
                coalesce(old.first_sequence, candle.first_sequence), coalesce(old.first_index, candle.first_index),
                coalesce(old.last_event_time, candle.last_event_time),
                coalesce(old.last_sequence, candle.last_sequence), coalesce(old.last_index, candle.last_index),
                coalesce(old.revision, candle.revision)
            ) AS line
            FROM ohlcv_1m AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1m' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?10
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?6
        )
    ),
    (
        SELECT group_concat(close_price, ' ')
        FROM (
            SELECT coalesce(old.close_price, candle.close_price) AS close_price
            FROM ohlcv_1m AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1m' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?10
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?7
        )
    ),
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                candle.timestamp, coalesce(old.known_from, candle.known_from),
                coalesce(old.open_price, candle.open_price), coalesce(old.high_price, candle.high_price),
                coalesce(old.low_price, candle.low_price), coalesce(old.close_price, candle.close_price),
                coalesce(old.volume, candle.volume),
                coalesce(CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END, '-'),
                coalesce(old.trade_count, candle.trade_count), coalesce(old.first_event_time, candle.first_event_time),
                coalesce(old.first_sequence, candle.first_sequence), coalesce(old.first_index, candle.first_index),
                coalesce(old.last_event_time, candle.last_event_time),
                coalesce(old.last_sequence, candle.last_sequence), coalesce(old.last_index, candle.last_index),
                coalesce(old.revision, candle.revision)
            ) AS line
            FROM ohlcv_5m AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '5m' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?11
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?6
        )
    ),
    (
        SELECT group_concat(close_price, ' ')
        FROM (
            SELECT coalesce(old.close_price, candle.close_price) AS close_price
            FROM ohlcv_5m AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '5m' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?11
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?7
        )
    ),
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                candle.timestamp, coalesce(old.known_from, candle.known_from),
                coalesce(old.open_price, candle.open_price), coalesce(old.high_price, candle.high_price),
                coalesce(old.low_price, candle.low_price), coalesce(old.close_price, candle.close_price),
                coalesce(old.volume, candle.volume),
                coalesce(CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END, '-'),
                coalesce(old.trade_count, candle.trade_count), coalesce(old.first_event_time, candle.first_event_time),
                coalesce(old.first_sequence, candle.first_sequence), coalesce(old.first_index, candle.first_index),
                coalesce(old.last_event_time, candle.last_event_time),
                coalesce(old.last_sequence, candle.last_sequence), coalesce(old.last_index, candle.last_index),
                coalesce(old.revision, candle.revision)
            ) AS line
            FROM ohlcv_15m AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '15m' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?12
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?6
        )
    ),
    (
        SELECT group_concat(close_price, ' ')
        FROM (
            SELECT coalesce(old.close_price, candle.close_price) AS close_price
            FROM ohlcv_15m AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '15m' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?12
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?7
        )
    ),
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                candle.timestamp, coalesce(old.known_from, candle.known_from),
                coalesce(old.open_price, candle.open_price), coalesce(old.high_price, candle.high_price),
                coalesce(old.low_price, candle.low_price), coalesce(old.close_price, candle.close_price),
                coalesce(old.volume, candle.volume),
                coalesce(CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END, '-'),
                coalesce(old.trade_count, candle.trade_count), coalesce(old.first_event_time, candle.first_event_time),
                coalesce(old.first_sequence, candle.first_sequence), coalesce(old.first_index, candle.first_index),
                coalesce(old.last_event_time, candle.last_event_time),
                coalesce(old.last_sequence, candle.last_sequence), coalesce(old.last_index, candle.last_index),
                coalesce(old.revision, candle.revision)
            ) AS line
            FROM ohlcv_1h AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1h' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?13
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?6
        )
    ),
    (
        SELECT group_concat(close_price, ' ')
        FROM (
            SELECT coalesce(old.close_price, candle.close_price) AS close_price
            FROM ohlcv_1h AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1h' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?13
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?7
        )
    ),
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                candle.timestamp, coalesce(old.known_from, candle.known_from),
                coalesce(old.open_price, candle.open_price), coalesce(old.high_price, candle.high_price),
                coalesce(old.low_price, candle.low_price), coalesce(old.close_price, candle.close_price),
                coalesce(old.volume, candle.volume),
                coalesce(CASE WHEN old.revision IS NULL THEN candle.taker_buy_volume ELSE old.taker_buy_volume END, '-'),
                coalesce(old.trade_count, candle.trade_count), coalesce(old.first_event_time, candle.first_event_time),
                coalesce(old.first_sequence, candle.first_sequence), coalesce(old.first_index, candle.first_index),
                coalesce(old.last_event_time, candle.last_event_time),
                coalesce(old.last_sequence, candle.last_sequence), coalesce(old.last_index, candle.last_index),
                coalesce(old.revision, candle.revision)
            ) AS line
            FROM ohlcv_1d AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1d' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?14
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?6
        )
    ),
    (
        SELECT group_concat(close_price, ' ')
        FROM (
            SELECT coalesce(old.close_price, candle.close_price) AS close_price
            FROM ohlcv_1d AS candle
            LEFT JOIN ohlcv_superseded AS old
                ON old.instrument = CASE WHEN candle.known_from > ?4 THEN candle.instrument END
               AND old.timeframe = '1d' AND old.timestamp = candle.timestamp
               AND old.known_from <= ?4 AND old.known_to > ?4
            WHERE candle.instrument = known.id AND candle.timestamp < ?14
              AND (candle.known_from <= ?4 OR old.instrument IS NOT NULL)
            ORDER BY candle.timestamp DESC
            LIMIT ?7
        )
    ),
    (
        SELECT group_concat(line, ';')
        FROM (
            SELECT concat_ws(
                ' ',
                timestamp, available_at, coalesce(imbalance_1s, '-'), coalesce(imbalance_5s, '-'),
                coalesce(imbalance_15s, '-'), coalesce(imbalance_60s, '-'), coalesce(volume_imbalance_1s, '-'),
                coalesce(volume_imbalance_5s, '-'), coalesce(volume_imbalance_15s, '-'),
                coalesce(volume_imbalance_60s, '-'), coalesce(price_range, '-'), bid_volume, ask_volume
            ) AS line
            FROM order_book_imbalances
            WHERE instrument = known.id AND timestamp <= ?3 AND available_at <= ?3
            ORDER BY timestamp DESC
            LIMIT ?8
        )
    ),
    book.timestamp, book.available_at, book.event_time, book.received_at, book.sequence, book.early,
    book.partial, book.covered, book.bucket_size, book.levels
FROM instruments AS known
LEFT JOIN order_book_snapshots AS book
    ON book.instrument = known.id
   AND (book.timestamp, book.available_at) = (
       SELECT timestamp, available_at
       FROM order_book_snapshots INDEXED BY order_book_snapshots_known
       WHERE instrument = known.id AND available_at <= ?3
       ORDER BY available_at DESC, timestamp DESC
       LIMIT 1
   )
WHERE known.exchange = ?1 AND known.symbol = ?2
