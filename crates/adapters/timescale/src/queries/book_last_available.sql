-- $4 bounds how far back to look; the last column tells from where on a later stamp would have been found.
WITH last_second AS (
    SELECT available_at - coalesce((SELECT book_lag_us FROM instruments WHERE symbol = $1 AND exchange = $2), 0)
                          * INTERVAL '1 microsecond' AS since
    FROM order_book_snapshots
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $4 AND timestamp <= $3 AND available_at <= $3
    ORDER BY timestamp DESC
    LIMIT 1
)
SELECT timestamp, price_scale, size_scale, bid_prices, bid_sizes, ask_prices, ask_sizes, wide_levels,
       sequence, event_time, received_at, available_at, bucket_size, early, partial, covered,
       (SELECT since FROM last_second)
FROM order_book_snapshots
WHERE symbol = $1 AND exchange = $2 AND timestamp >= $4 AND timestamp <= $3 AND available_at <= $3
  AND timestamp >= (SELECT since FROM last_second)
ORDER BY available_at DESC, timestamp DESC
LIMIT 1
