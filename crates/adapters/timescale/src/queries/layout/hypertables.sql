SELECT dimension.hypertable_name::text, dimension.time_interval, settings.segmentby, replace(settings.orderby, '"', '')
FROM timescaledb_information.dimensions AS dimension
LEFT JOIN timescaledb_information.hypertable_compression_settings AS settings
    ON settings.hypertable = format('%I.%I', dimension.hypertable_schema, dimension.hypertable_name)::regclass
WHERE dimension.hypertable_schema = current_schema()
