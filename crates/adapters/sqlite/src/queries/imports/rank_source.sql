INSERT INTO import_sources (source, rank) VALUES (?1, ?2)
