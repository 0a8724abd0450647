DELETE FROM imports WHERE import_id = $1
