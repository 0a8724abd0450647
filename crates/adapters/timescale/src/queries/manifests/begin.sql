-- No row where there is a run of that name already.
INSERT INTO import_runs (run, state, origin, source, settings, begun_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (run) DO NOTHING
