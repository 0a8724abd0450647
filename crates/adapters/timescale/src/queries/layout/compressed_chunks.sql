SELECT count(*), min(hypertable_name)::text FROM timescaledb_information.chunks WHERE is_compressed
