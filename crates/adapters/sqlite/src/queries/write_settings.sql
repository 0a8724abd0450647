INSERT INTO table_settings (table_name, retain_for_us)
VALUES (?1, ?2)
ON CONFLICT (table_name) DO UPDATE SET retain_for_us = excluded.retain_for_us
