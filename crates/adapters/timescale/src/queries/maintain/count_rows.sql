SELECT count(*) FROM the_table WHERE the_time >= $1 AND the_time < $2
