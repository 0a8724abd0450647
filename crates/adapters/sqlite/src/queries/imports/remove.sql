DELETE FROM imports WHERE number = ?1
