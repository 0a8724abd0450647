SELECT *, count(*) OVER () AS found
FROM (
    SELECT stream, begin_time, end_time, state, reason, available_at
    FROM stream_coverage
    WHERE symbol = $1 AND exchange = $2 AND available_at >= $3 AND available_at <= $4
    ORDER BY available_at DESC, array_position(ARRAY['trades', 'book'], stream) DESC,
             array_position(ARRAY['alive', 'gap', 'filled', 'unfillable'], state) DESC,
             begin_time DESC, end_time DESC, reason DESC
    LIMIT $5
) AS newest
ORDER BY available_at, array_position(ARRAY['trades', 'book'], stream),
         array_position(ARRAY['alive', 'gap', 'filled', 'unfillable'], state), begin_time, end_time, reason
