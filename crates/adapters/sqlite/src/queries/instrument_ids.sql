SELECT id FROM instruments ORDER BY id
