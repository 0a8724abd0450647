-- With indexes, and with what their rows take up in the columnstore.
SELECT coalesce(sum(total_bytes), 0)::bigint
FROM chunks_detailed_size($1::text::regclass)
WHERE format('%I.%I', chunk_schema, chunk_name) = ANY ($2)
