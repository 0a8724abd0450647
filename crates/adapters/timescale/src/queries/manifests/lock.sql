SELECT state FROM import_runs WHERE run = $1 FOR UPDATE
