-- The first part of run $1 and source $2 whose id is that of another import, with what that one is.
SELECT imports.import_id, imports.exchange || ':' || imports.symbol, imports.timeframe, imports.source
FROM import_parts AS part
JOIN imports USING (import_id)
WHERE part.run = $1
  AND (imports.symbol, imports.exchange, imports.timeframe, imports.source)
      <> (part.symbol, part.exchange, part.timeframe, $2)
ORDER BY part.position
LIMIT 1
