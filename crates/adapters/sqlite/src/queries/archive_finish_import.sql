-- Import ?1 of instrument ?2: place ?3, its stamp ?4, covered range ?5 to ?6.
UPDATE imports
SET place = ?3, known_from = ?4, covered_from = ?5, covered_to = ?6
WHERE import_id = ?1 AND instrument = ?2
