-- The first and the last time of an instrument's rows, and how many there are: counted up to ?2. The table is another one's in its turn.
SELECT (SELECT timestamp FROM ohlcv_1s WHERE instrument = ?1 ORDER BY timestamp LIMIT 1),
       (SELECT timestamp FROM ohlcv_1s WHERE instrument = ?1 ORDER BY timestamp DESC LIMIT 1),
       (SELECT count(*) FROM (SELECT 1 FROM ohlcv_1s WHERE instrument = ?1 LIMIT ?2))
