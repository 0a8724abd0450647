DROP VIEW the_aggregate
