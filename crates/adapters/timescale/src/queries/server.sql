SELECT current_setting('server_version'),
       current_setting('server_version_num')::integer,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       nullif(current_setting('timescaledb.license', true), ''),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb')
