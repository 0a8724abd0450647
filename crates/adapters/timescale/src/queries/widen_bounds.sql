-- least and greatest pass over nulls.
INSERT INTO instruments AS known (
    symbol, exchange, first_time, first_trade_time, first_book_time, first_imbalance_time, lead_us, book_lag_us
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (symbol, exchange) DO UPDATE SET
    first_time = least(known.first_time, excluded.first_time),
    first_trade_time = least(known.first_trade_time, excluded.first_trade_time),
    first_book_time = least(known.first_book_time, excluded.first_book_time),
    first_imbalance_time = least(known.first_imbalance_time, excluded.first_imbalance_time),
    lead_us = greatest(known.lead_us, excluded.lead_us),
    book_lag_us = greatest(known.book_lag_us, excluded.book_lag_us)
WHERE excluded.first_time < known.first_time
   OR excluded.first_trade_time < coalesce(known.first_trade_time, 'infinity')
   OR excluded.first_book_time < coalesce(known.first_book_time, 'infinity')
   OR excluded.first_imbalance_time < coalesce(known.first_imbalance_time, 'infinity')
   OR excluded.lead_us > known.lead_us
   OR excluded.book_lag_us > known.book_lag_us
