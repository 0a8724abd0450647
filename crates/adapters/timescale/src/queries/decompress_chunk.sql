CALL convert_to_rowstore($1::text::regclass, if_columnstore => true)
