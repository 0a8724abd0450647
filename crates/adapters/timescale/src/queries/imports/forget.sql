-- An instrument without a finished import; readers need not look at imports for it.
UPDATE instruments
SET has_imports = false
WHERE symbol = $1 AND exchange = $2 AND has_imports
  AND NOT EXISTS (
      SELECT FROM imports WHERE symbol = $1 AND exchange = $2 AND finished_at IS NOT NULL
  )
