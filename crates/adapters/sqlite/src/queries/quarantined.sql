SELECT origin, symbol, exchange, violations, payload, payload_bytes, received_at
FROM quarantine
ORDER BY id DESC
LIMIT ?1
