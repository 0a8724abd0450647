-- The newest $8 records; each of the others narrows them where it is not null.
SELECT origin, symbol, exchange, violations, payload, payload_bytes, received_at, id
FROM quarantine
WHERE ($1::bigint IS NULL OR id = $1)
    AND ($2::bigint IS NULL OR id < $2)
    AND ($3::text IS NULL OR (symbol = $3 AND exchange = $4))
    AND ($5::text IS NULL OR position($5 IN origin) > 0)
    AND ($6::timestamptz IS NULL OR (received_at >= $6 AND received_at < $7))
ORDER BY id DESC
LIMIT $8
