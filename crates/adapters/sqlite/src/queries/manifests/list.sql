SELECT run, state FROM import_runs ORDER BY number
