-- Which of these imports are parts of the run. They are kept as they are until the end of the transaction, in one order
-- whoever asks.
SELECT part.import_id
FROM import_parts AS part
JOIN imports USING (import_id)
WHERE part.run = $1 AND part.import_id = ANY ($2::text[])
ORDER BY part.import_id
FOR UPDATE OF imports
