INSERT INTO instruments AS known (symbol, exchange, first_time, lead_us, book_lag_us)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (symbol, exchange) DO UPDATE SET
    first_time = least(known.first_time, excluded.first_time),
    lead_us = greatest(known.lead_us, excluded.lead_us),
    book_lag_us = greatest(known.book_lag_us, excluded.book_lag_us)
WHERE excluded.first_time < known.first_time OR excluded.lead_us > known.lead_us
   OR excluded.book_lag_us > known.book_lag_us
