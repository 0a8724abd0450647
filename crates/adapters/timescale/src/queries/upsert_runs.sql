-- A run that is known goes on; the instrument's clock is locked, so nobody else adds it meanwhile.
WITH new AS (
    SELECT *
    FROM unnest(
        $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::timestamptz[],
        $9::timestamptz[], $10::timestamptz[], $11::timestamptz[]
    ) AS new (
        stream, state, begin_time, end_time, reason, first_available_at,
        available_at, furthest_end, furthest_at
    )
),
longer AS (
    UPDATE stream_coverage_runs AS run
    SET first_available_at = least(run.first_available_at, new.first_available_at),
        end_time = CASE WHEN new.available_at > run.available_at THEN new.end_time ELSE run.end_time END,
        available_at = greatest(run.available_at, new.available_at),
        furthest_end = greatest(run.furthest_end, new.furthest_end),
        furthest_at = CASE WHEN new.furthest_end > run.furthest_end THEN new.furthest_at ELSE run.furthest_at END
    FROM new
    WHERE run.symbol = $1 AND run.exchange = $2 AND run.stream = new.stream AND run.begin_time = new.begin_time
      AND run.state = 'alive' AND new.state = 'alive'
      AND (new.available_at > run.available_at OR new.first_available_at < run.first_available_at
          OR new.furthest_end > run.furthest_end)
)
INSERT INTO stream_coverage_runs (
    symbol, exchange, stream, state, begin_time, end_time, reason, first_available_at,
    available_at, furthest_end, furthest_at
)
SELECT $1, $2, new.stream, new.state, new.begin_time, new.end_time, new.reason, new.first_available_at,
       new.available_at, new.furthest_end, new.furthest_at
FROM new
WHERE NOT (new.state = 'alive' AND EXISTS (
    SELECT FROM stream_coverage_runs AS run
    WHERE run.symbol = $1 AND run.exchange = $2 AND run.stream = new.stream AND run.begin_time = new.begin_time
      AND run.state = 'alive'
))
ON CONFLICT DO NOTHING
