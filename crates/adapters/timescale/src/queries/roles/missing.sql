-- Which group roles are not there yet, with the statement that makes each. On the Community edition the owner of tables
-- must be one that may log in, or the server starts no job for them; it has no password, so it cannot by one. Whoever
-- makes them and is no superuser becomes a member of the owner, to give it the tables.
SELECT format('CREATE ROLE %I %s', wanted.name, CASE WHEN wanted.login THEN 'LOGIN' ELSE 'NOLOGIN' END)
FROM unnest($1::text[], $2::boolean[]) AS wanted (name, login)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name)
UNION ALL
SELECT format('ALTER ROLE %I LOGIN', wanted.name)
FROM unnest($1::text[], $2::boolean[]) AS wanted (name, login)
JOIN pg_roles AS role ON role.rolname = wanted.name
WHERE wanted.login AND NOT role.rolcanlogin
UNION ALL
SELECT format('GRANT %I TO CURRENT_USER WITH INHERIT TRUE, SET TRUE', $3::text)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper)
  AND NOT EXISTS (
    SELECT FROM pg_roles
    WHERE rolname = $3 AND pg_has_role(current_user, oid, 'USAGE') AND pg_has_role(current_user, oid, 'SET')
  )
