INSERT INTO import_parts (run, position, import_id, exchange, symbol, timeframe, covered_from, covered_to)
SELECT $1, new.*
FROM unnest(
    $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[]
) AS new
