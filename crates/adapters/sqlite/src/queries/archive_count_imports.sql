SELECT count(*) FROM imports WHERE instrument = ?1
