-- Held to the end of the transaction by whoever begins a tape and by whoever finishes an import: one of them is first.
SELECT pg_advisory_xact_lock(hashtextextended('onetape imports ' || $2 || ':' || $1, 0))
