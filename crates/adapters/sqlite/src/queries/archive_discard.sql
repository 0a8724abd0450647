-- Everything of instrument ?1, itself last. Several statements: each is cut at its semicolon.
DELETE FROM ohlcv_imported WHERE import IN (SELECT number FROM imports WHERE instrument = ?1);
DELETE FROM imports WHERE instrument = ?1;
DELETE FROM ohlcv_1s WHERE instrument = ?1;
DELETE FROM ohlcv_1m WHERE instrument = ?1;
DELETE FROM ohlcv_5m WHERE instrument = ?1;
DELETE FROM ohlcv_15m WHERE instrument = ?1;
DELETE FROM ohlcv_1h WHERE instrument = ?1;
DELETE FROM ohlcv_1d WHERE instrument = ?1;
DELETE FROM ohlcv_superseded WHERE instrument = ?1;
DELETE FROM trade_events WHERE instrument = ?1;
DELETE FROM order_book_snapshots WHERE instrument = ?1;
DELETE FROM order_book_imbalances WHERE instrument = ?1;
DELETE FROM stream_coverage WHERE instrument = ?1;
DELETE FROM stream_coverage_runs WHERE instrument = ?1;
DELETE FROM expired WHERE instrument = ?1;
DELETE FROM instruments WHERE id = ?1
