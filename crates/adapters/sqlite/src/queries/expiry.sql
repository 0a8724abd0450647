-- What retention has taken of instrument ?1, by table; nothing where it took nothing.
SELECT table_name, dropped_before FROM expired WHERE instrument = ?1
