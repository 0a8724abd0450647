UPDATE import_runs SET state = $2, changed_at = $3 WHERE run = $1
