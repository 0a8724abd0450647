SELECT current_setting('timescaledb.max_background_workers', true),
       current_setting('timescaledb.enable_compressed_skipscan', true)
