UPDATE instruments SET loading_to = ?2 WHERE id = ?1
