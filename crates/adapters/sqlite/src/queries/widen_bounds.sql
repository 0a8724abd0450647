-- min and max of several values are null where one of them is; of an instrument without rows, first_time is.
UPDATE instruments SET
    first_time = min(coalesce(first_time, ?2), coalesce(?2, first_time)),
    lead_us = max(lead_us, ?3)
WHERE id = ?1 AND (first_time IS NULL OR first_time > ?2 OR lead_us < ?3)
