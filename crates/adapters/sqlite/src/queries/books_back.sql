-- The samples before the key ?5, ?6, newest first, ?7 rows: other parameters as of `books_page.sql`.
SELECT book.timestamp, book.available_at, book.event_time, book.received_at, book.sequence, book.early,
       book.partial, book.covered, book.bucket_size, book.levels
FROM order_book_snapshots AS book
WHERE book.instrument = ?1 AND book.timestamp < ?2 AND book.available_at <= ?3
  AND (?4 OR NOT book.partial OR NOT EXISTS (
      SELECT 1
      FROM order_book_snapshots AS complete
      WHERE complete.instrument = ?1 AND complete.timestamp = book.timestamp AND complete.available_at <= ?3
        AND NOT complete.partial
  ))
  AND (book.timestamp, book.available_at) < (?5, ?6)
ORDER BY book.timestamp DESC, book.available_at DESC
LIMIT ?7
