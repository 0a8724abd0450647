SELECT remove_retention_policy($1::text::regclass, if_exists => true)
