-- An instrument of which nothing is left: it has no row before $3, neither a tape nor an import, and none comes in.
DELETE FROM instruments
WHERE symbol = $1 AND exchange = $2 AND NOT has_imports AND first_time = $3 AND loading_to IS NULL AND expired IS NULL
  AND NOT EXISTS (SELECT FROM instrument_clock WHERE symbol = $1 AND exchange = $2)
