-- Records after the one numbered $1, $2 at most.
SELECT origin, symbol, exchange, violations, payload, payload_bytes, received_at, id
FROM quarantine
WHERE id > $1
ORDER BY id
LIMIT $2
