INSERT INTO stream_coverage (instrument, stream, begin_time, end_time, state, reason, available_at)
VALUES (…)
ON CONFLICT DO NOTHING
