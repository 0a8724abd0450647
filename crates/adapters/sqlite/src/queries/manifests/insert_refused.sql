INSERT INTO import_refused_rows (run, table_position, row_number, why, reasons)
VALUES (…)
