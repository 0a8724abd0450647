-- The same, held to the end of the transaction: one load of an instrument at a time.
SELECT loading_to FROM instruments WHERE symbol = $1 AND exchange = $2 AND loading_to IS NOT NULL FOR UPDATE
