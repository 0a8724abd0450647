-- Of each minute the book has gone past, the samples of its last second, newest minutes first up to the limit.
-- $7 and $8 bound the minutes (by their start, the second inclusive), $3 and $4 the rows looked at, $9 and $10
-- the seconds that are shown, $11 limits their number.
WITH newest AS (
    SELECT timestamp
    FROM order_book_snapshots
    WHERE symbol = $1 AND exchange = $2 AND timestamp >= $3 AND timestamp < $4 AND available_at <= $5
    ORDER BY timestamp DESC
    LIMIT 1
)
SELECT *, count(*) OVER () AS found
FROM (
    SELECT book.timestamp, book.price_scale, book.size_scale, book.bid_prices, book.bid_sizes, book.ask_prices,
           book.ask_sizes, book.wide_levels,
           book.sequence, book.event_time, book.received_at, book.available_at, book.bucket_size, book.early,
           book.partial, book.covered
    FROM (SELECT generate_series($8, $7, INTERVAL '-1 minute') AS start) AS minute
    CROSS JOIN LATERAL (
        SELECT sample.timestamp
        FROM order_book_snapshots AS sample
        WHERE sample.symbol = $1 AND sample.exchange = $2
          AND sample.timestamp >= minute.start AND sample.timestamp < minute.start + INTERVAL '1 minute'
          AND sample.timestamp >= $3 AND sample.timestamp < $4 AND sample.available_at <= $5
        ORDER BY sample.timestamp DESC
        LIMIT 1
    ) AS last_second
    CROSS JOIN LATERAL (
        SELECT *
        FROM order_book_snapshots AS book
        WHERE book.symbol = $1 AND book.exchange = $2 AND book.timestamp = last_second.timestamp
          AND book.timestamp >= $3 AND book.timestamp < $4 AND book.available_at <= $5
          AND ($6 OR NOT book.partial OR NOT EXISTS (
              SELECT FROM order_book_snapshots AS complete
              WHERE complete.symbol = $1 AND complete.exchange = $2 AND complete.timestamp = book.timestamp
                AND complete.timestamp >= $3 AND complete.timestamp < $4
                AND complete.available_at <= $5 AND NOT complete.partial
          ))
        ORDER BY book.available_at DESC
    ) AS book
    WHERE minute.start + INTERVAL '1 minute' <= (SELECT timestamp FROM newest)
      AND last_second.timestamp >= $9 AND last_second.timestamp < $10
    ORDER BY minute.start DESC, book.available_at DESC
    LIMIT $11
) AS newest
ORDER BY timestamp, available_at
