INSERT INTO import_runs (run, state, origin, source, settings, begun_at, changed_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
RETURNING number
