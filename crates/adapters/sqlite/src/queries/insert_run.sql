-- A row of the log that is no run, copied: ?1 instrument, ?2 stream, ?3 state, ?4 begin, ?5 end, ?6 reason, ?7 stamp.
INSERT INTO stream_coverage_runs (
    instrument, stream, state, begin_time, end_time, reason, first_available_at, available_at, furthest_end, furthest_at
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?5, ?7)
ON CONFLICT DO NOTHING
