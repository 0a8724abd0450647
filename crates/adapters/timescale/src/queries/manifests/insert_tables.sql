INSERT INTO import_tables (
    run, position, path, name, format, bytes, sha256, rows, decision, reason, exchange, symbol, timeframe
)
SELECT $1, new.*
FROM unnest(
    $2::integer[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::text[]
) AS new
