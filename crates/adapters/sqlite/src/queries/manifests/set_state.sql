UPDATE import_runs SET state = ?2, changed_at = ?3 WHERE number = ?1
