-- Kept as it is until the end of the transaction.
SELECT rows_read, new_rows, same_rows, conflicting_rows, invalid_rows, first_time, last_time, sums, is_done
FROM import_tables
WHERE run = $1 AND position = $2
FOR UPDATE
