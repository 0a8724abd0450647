-- Kept as it is until the end of the transaction.
SELECT state FROM import_runs WHERE run = $1 FOR SHARE
