SELECT EXISTS (SELECT 1 FROM import_parts WHERE run = ?1 AND import_id = ?2)
