-- When the store was last maintained, how many candles differed then, and whether it holds anything that ended before $1.
SELECT run.finished_at, run.differences,
       EXISTS (SELECT FROM timescaledb_information.chunks WHERE hypertable_schema = current_schema() AND range_end < $1)
FROM (SELECT) AS always
LEFT JOIN maintenance AS run ON true
