CREATE INDEX the_aggregate_key ON the_aggregate (symbol, exchange, timestamp)
