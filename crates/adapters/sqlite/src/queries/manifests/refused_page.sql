-- Of run ?1, from table ?2 and row ?3 on, that one included where ?4 says so, ?5 rows.
SELECT table_position, row_number, why, reasons
FROM import_refused_rows
WHERE run = ?1 AND (table_position, row_number) >= (?2, ?3) AND (?4 OR (table_position, row_number) > (?2, ?3))
ORDER BY table_position, row_number
LIMIT ?5
