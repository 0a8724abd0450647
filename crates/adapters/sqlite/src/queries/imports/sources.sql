SELECT source FROM import_sources ORDER BY rank
