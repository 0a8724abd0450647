SELECT *, count(*) OVER () AS found
FROM (
    SELECT bucket.timestamp, bucket.price_bucket, bucket.bucket_size, bucket.bid_volume, bucket.ask_volume,
           bucket.bid_count, bucket.ask_count, bucket.available_at
    FROM order_book_1s_agg AS bucket
    WHERE bucket.symbol = $1 AND bucket.exchange = $2 AND bucket.timestamp >= $3 AND bucket.timestamp < $4
      AND bucket.available_at <= $5
      -- A complete sample may have no level, and so no bucket; its buckets may outlive it.
      AND (NOT bucket.partial OR NOT (
          EXISTS (
              SELECT FROM order_book_snapshots AS complete
              WHERE complete.symbol = $1 AND complete.exchange = $2 AND complete.timestamp = bucket.timestamp
                AND complete.timestamp >= $3 AND complete.timestamp < $4
                AND complete.available_at <= $5 AND NOT complete.partial
          ) OR EXISTS (
              SELECT FROM order_book_1s_agg AS complete
              WHERE complete.symbol = $1 AND complete.exchange = $2 AND complete.timestamp = bucket.timestamp
                AND complete.timestamp >= $3 AND complete.timestamp < $4
                AND complete.available_at <= $5 AND NOT complete.partial
          )
      ))
    ORDER BY bucket.timestamp DESC, bucket.available_at DESC, bucket.price_bucket DESC
    LIMIT $6
) AS newest
ORDER BY timestamp, available_at, price_bucket
