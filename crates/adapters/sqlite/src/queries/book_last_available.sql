-- ?1 instrument, ?2 the instant.
SELECT book.timestamp, book.available_at, book.event_time, book.received_at, book.sequence, book.early,
       book.partial, book.covered, book.bucket_size, book.levels
FROM order_book_snapshots AS book INDEXED BY order_book_snapshots_known
WHERE book.instrument = ?1 AND book.available_at <= ?2
ORDER BY book.available_at DESC, book.timestamp DESC
LIMIT 1
