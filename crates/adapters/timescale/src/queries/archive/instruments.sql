SELECT exchange, symbol FROM instrument_clock
UNION
SELECT exchange, symbol FROM imports WHERE finished_at IS NOT NULL
