INSERT INTO import_refused_rows (run, table_position, row_number, why, reasons)
SELECT $1, $2, new.*
FROM unnest($3::bigint[], $4::text[], $5::text[]) AS new
