INSERT INTO stream_coverage (
    symbol, exchange, stream, available_at, state, begin_time, end_time, reason
)
SELECT $1, $2, new.stream, new.available_at, new.state, new.begin_time, new.end_time, new.reason
FROM unnest(
    $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::text[]
) AS new (
    stream, available_at, state, begin_time, end_time, reason
)
ON CONFLICT DO NOTHING
