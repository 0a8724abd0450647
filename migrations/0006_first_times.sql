-- A read of the last books or imbalances of an instrument that never had any looked through all of its history, since
-- `first_time` is that of its candles. Each kind gets its own.
--
-- `first_time` itself is from now on that of the first trade of a candle, not the candle's open time: a day opens
-- long before its first trade, and no second lies in between.

ALTER TABLE instruments
    -- `timestamp` of the first book, and so of the first bucket; null while there is none.
    ADD COLUMN first_book_time TIMESTAMPTZ,
    -- `timestamp` of the first imbalance; null while there is none.
    ADD COLUMN first_imbalance_time TIMESTAMPTZ;

UPDATE instruments AS known SET
    first_book_time = (
        SELECT min(timestamp)
        FROM order_book_snapshots
        WHERE symbol = known.symbol AND exchange = known.exchange
    ),
    first_imbalance_time = (
        SELECT min(timestamp)
        FROM order_book_imbalances
        WHERE symbol = known.symbol AND exchange = known.exchange
    );
