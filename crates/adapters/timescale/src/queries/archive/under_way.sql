SELECT loading_to FROM instruments WHERE symbol = $1 AND exchange = $2 AND loading_to IS NOT NULL
