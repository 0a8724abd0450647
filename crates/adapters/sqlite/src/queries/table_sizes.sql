-- Tables with the pages of their indexes.
SELECT entry.tbl_name, sum(pages.pgsize)
FROM dbstat AS pages
JOIN sqlite_schema AS entry ON entry.name = pages.name
WHERE pages.aggregate = TRUE AND entry.tbl_name NOT LIKE 'sqlite~_%' ESCAPE '~' AND entry.tbl_name NOT LIKE '~_sqlx~_%' ESCAPE '~'
GROUP BY entry.tbl_name
ORDER BY entry.tbl_name
