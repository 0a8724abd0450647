SELECT number, run, state, origin, source, settings, begun_at, changed_at
FROM import_runs
WHERE run = ?1
