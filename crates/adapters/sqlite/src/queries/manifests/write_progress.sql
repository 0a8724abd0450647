UPDATE import_tables
SET rows_read = ?3, new_rows = ?4, same_rows = ?5, conflicting_rows = ?6, invalid_rows = ?7, first_time = ?8,
    last_time = ?9, sums = ?10, is_done = ?11
WHERE run = ?1 AND position = ?2
