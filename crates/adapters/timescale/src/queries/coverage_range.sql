-- $3 and $4 bound the stamps, $5 and $6 are the range that rows must touch.
SELECT stream, begin_time, end_time, state, reason, available_at
FROM stream_coverage
WHERE symbol = $1 AND exchange = $2 AND available_at >= $3 AND available_at <= $4
  AND end_time > $5 AND begin_time < $6
ORDER BY available_at, array_position(ARRAY['trades', 'book'], stream),
         array_position(ARRAY['alive', 'gap', 'filled', 'unfillable'], state), begin_time, end_time, reason
