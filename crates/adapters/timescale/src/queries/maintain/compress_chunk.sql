CALL convert_to_columnstore($1::text::regclass, if_not_columnstore => true)
