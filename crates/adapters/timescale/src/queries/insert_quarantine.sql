INSERT INTO quarantine (digest, origin, symbol, exchange, violations, payload, payload_bytes, received_at)
SELECT sha256(convert_to(json_build_array(origin, payload, violations::json)::text, 'UTF8')),
       origin, symbol, exchange, violations::json, payload, payload_bytes, received_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[])
    WITH ORDINALITY AS record (origin, symbol, exchange, violations, payload, payload_bytes, received_at, place)
ORDER BY place
ON CONFLICT (digest) DO NOTHING
