ALTER TABLE the_table SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'the_segmentby',
    timescaledb.orderby = 'the_orderby'
)
