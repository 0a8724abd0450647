UPDATE imports
SET place = 'at', known_from = ?3
WHERE import_id = ?1 AND instrument = ?2 AND place = 'waiting'
