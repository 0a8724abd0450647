UPDATE table_settings
SET dropped_before = greatest(dropped_before, $2)
WHERE table_name = $1
