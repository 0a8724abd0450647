SELECT table_name, chunk_interval, compress_after, retain_for FROM table_settings ORDER BY table_name
