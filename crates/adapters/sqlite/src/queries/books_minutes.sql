-- The last second with a sample known at the instant ?2, of each minute of instrument ?1 that has one: minutes that begin in
-- [?3, ?4) and before ?5, at most ?6 of them. From one minute with a sample to the next, whatever lies in between.
WITH RECURSIVE minute (start) AS (
    SELECT (
        SELECT timestamp / 60000000 * 60000000
        FROM order_book_snapshots
        WHERE instrument = ?1 AND timestamp >= ?3 AND timestamp <= ?2 AND available_at <= ?2
        ORDER BY timestamp
        LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT timestamp / 60000000 * 60000000
        FROM order_book_snapshots
        WHERE instrument = ?1 AND timestamp >= minute.start + 60000000 AND timestamp <= ?2 AND available_at <= ?2
        ORDER BY timestamp
        LIMIT 1
    )
    FROM minute
    WHERE minute.start < ?4 AND minute.start < ?5
    LIMIT ?6
)
SELECT (
    SELECT timestamp
    FROM order_book_snapshots
    WHERE instrument = ?1 AND timestamp >= minute.start AND timestamp < minute.start + 60000000 AND available_at <= ?2
    ORDER BY timestamp DESC
    LIMIT 1
)
FROM minute
WHERE minute.start < ?4 AND minute.start < ?5
