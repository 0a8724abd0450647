INSERT INTO import_sources (source, rank)
SELECT source, place - 1 FROM unnest($1::text[]) WITH ORDINALITY AS named (source, place)
