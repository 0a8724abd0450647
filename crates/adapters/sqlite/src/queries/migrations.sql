SELECT version, description FROM _sqlx_migrations ORDER BY version
