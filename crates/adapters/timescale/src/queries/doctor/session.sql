SELECT current_user::text, role.rolsuper, coalesce(ssl.ssl, false), ssl.version, ssl.cipher
FROM pg_roles AS role
LEFT JOIN pg_stat_ssl AS ssl ON ssl.pid = pg_backend_pid()
WHERE role.rolname = current_user
