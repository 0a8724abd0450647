CALL add_columnstore_policy($1::text::regclass, after => $2::interval)
