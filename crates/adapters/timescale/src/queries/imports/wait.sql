-- Imports before a tape that its first batch does not name were finished after its writer had looked.
UPDATE imports
SET known_from = NULL
WHERE symbol = $1 AND exchange = $2 AND known_from = '-infinity' AND import_id <> ALL ($3::text[])
