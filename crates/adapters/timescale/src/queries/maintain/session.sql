-- Chunks are rewritten and ranges refreshed for as long as it takes; a lock is not waited for without end.
SELECT set_config(name, value, false)
FROM (VALUES ('timezone', 'UTC'), ('statement_timeout', '0'), ('lock_timeout', '60s'), ('jit', 'off'),
             ('client_connection_check_interval', '5s')) AS setting (name, value)
