-- The key of the sample from which on there are ?5 more: parameters as of `books_page.sql`.
SELECT book.timestamp, book.available_at
FROM order_book_snapshots AS book
WHERE book.instrument = ?1 AND book.timestamp < ?2 AND book.available_at <= ?3
  AND (?4 OR NOT book.partial OR NOT EXISTS (
      SELECT 1
      FROM order_book_snapshots AS complete
      WHERE complete.instrument = ?1 AND complete.timestamp = book.timestamp AND complete.available_at <= ?3
        AND NOT complete.partial
  ))
ORDER BY book.timestamp DESC, book.available_at DESC
LIMIT 1 OFFSET ?5
