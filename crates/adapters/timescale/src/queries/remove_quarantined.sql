DELETE FROM quarantine WHERE id = ANY($1)
