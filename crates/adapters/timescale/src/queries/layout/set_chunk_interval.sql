SELECT set_chunk_time_interval($1::text::regclass, $2::interval)
