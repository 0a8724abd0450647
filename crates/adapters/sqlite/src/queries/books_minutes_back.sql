-- The last second with a sample known at the instant ?2, of each minute of instrument ?1 that has one and begins before ?4,
-- newest first, at most ?5 of them; and how many samples of it are shown, ?3 as in `books_page.sql`.
WITH RECURSIVE minute (last) AS (
    SELECT (
        SELECT timestamp
        FROM order_book_snapshots
        WHERE instrument = ?1 AND timestamp < ?4 AND timestamp <= ?2 AND available_at <= ?2
        ORDER BY timestamp DESC
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT timestamp
        FROM order_book_snapshots
        WHERE instrument = ?1 AND timestamp < minute.last / 60000000 * 60000000 AND available_at <= ?2
        ORDER BY timestamp DESC
        LIMIT 1
    )
    FROM minute
    WHERE minute.last IS NOT NULL
    LIMIT ?5
)
SELECT minute.last, (
    SELECT count(*)
    FROM order_book_snapshots AS book
    WHERE book.instrument = ?1 AND book.timestamp = minute.last AND book.available_at <= ?2
      AND (?3 OR NOT book.partial OR NOT EXISTS (
          SELECT 1
          FROM order_book_snapshots AS complete
          WHERE complete.instrument = ?1 AND complete.timestamp = book.timestamp AND complete.available_at <= ?2
            AND NOT complete.partial
      ))
)
FROM minute
WHERE minute.last IS NOT NULL
