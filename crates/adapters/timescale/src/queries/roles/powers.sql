-- Group roles that can do anything, whatever they are granted.
SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1) AND (rolsuper OR rolbypassrls) ORDER BY 1
