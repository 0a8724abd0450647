-- No row where number $1 is not the next one, also where somebody else adds it at the same time.
INSERT INTO cutover_log (number, recorded_at, recorded_by, what, event)
SELECT $1, $2, $3, $4, $5
WHERE $1 = (SELECT coalesce(max(number), 0) + 1 FROM cutover_log)
ON CONFLICT (number) DO NOTHING
