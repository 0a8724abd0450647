-- From the record ?1 on, that one included where ?2 says so, ?3 records.
SELECT origin, symbol, exchange, violations, payload, payload_bytes, received_at, id
FROM quarantine
WHERE id >= ?1 AND (?2 OR id > ?1)
ORDER BY id
LIMIT ?3
