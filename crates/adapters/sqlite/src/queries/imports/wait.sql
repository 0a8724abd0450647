-- Before a tape that begins: those its writer does not name were finished after it had looked.
UPDATE imports
SET place = 'waiting'
WHERE instrument = ?1 AND place = 'before' AND import_id NOT IN (SELECT value FROM json_each(?2))
