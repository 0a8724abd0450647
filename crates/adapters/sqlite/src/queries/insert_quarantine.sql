INSERT INTO quarantine (digest, origin, symbol, exchange, violations, payload, payload_bytes, received_at)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
WHERE NOT EXISTS (
    SELECT 1 FROM quarantine WHERE digest = ?1 AND origin = ?2 AND payload = ?6 AND violations = ?5
)
