SELECT table_position, row_number, why, reasons
FROM import_refused_rows
WHERE run = $1
ORDER BY table_position, row_number
