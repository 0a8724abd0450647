-- A run that is known goes on. ?1 instrument, ?2 stream, ?3 begin, ?4 end, ?5 reason, ?6 first stamp, ?7 stamp, ?8 furthest
-- end and ?9 its stamp.
INSERT INTO stream_coverage_runs (
    instrument, stream, state, begin_time, end_time, reason, first_available_at, available_at, furthest_end, furthest_at
)
VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (instrument, stream, begin_time) WHERE state = 0 DO UPDATE SET
    end_time = CASE WHEN excluded.available_at > available_at THEN excluded.end_time ELSE end_time END,
    reason = CASE WHEN excluded.available_at > available_at THEN excluded.reason ELSE reason END,
    first_available_at = min(first_available_at, excluded.first_available_at),
    available_at = max(available_at, excluded.available_at),
    furthest_at = CASE WHEN excluded.furthest_end > furthest_end THEN excluded.furthest_at ELSE furthest_at END,
    furthest_end = max(furthest_end, excluded.furthest_end)
