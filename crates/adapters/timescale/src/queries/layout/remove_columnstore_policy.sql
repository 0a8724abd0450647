CALL remove_columnstore_policy($1::text::regclass, if_exists => true)
