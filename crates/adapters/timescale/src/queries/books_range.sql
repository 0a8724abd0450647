SELECT book.timestamp, book.price_scale, book.size_scale, book.bid_prices, book.bid_sizes, book.ask_prices,
       book.ask_sizes, book.wide_levels,
       book.sequence, book.event_time, book.received_at, book.available_at, book.bucket_size, book.early,
       book.partial, book.covered
FROM order_book_snapshots AS book
WHERE book.symbol = $1 AND book.exchange = $2 AND book.timestamp >= $3 AND book.timestamp < $4
  AND book.available_at <= $5
  AND ($6 OR NOT book.partial OR NOT EXISTS (
      SELECT FROM order_book_snapshots AS complete
      WHERE complete.symbol = $1 AND complete.exchange = $2 AND complete.timestamp = book.timestamp
        AND complete.timestamp >= $3 AND complete.timestamp < $4
        AND complete.available_at <= $5 AND NOT complete.partial
  ))
ORDER BY book.timestamp, book.available_at
