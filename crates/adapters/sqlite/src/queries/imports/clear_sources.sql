DELETE FROM import_sources
