SELECT count(*) FROM imports WHERE symbol = $1 AND exchange = $2
