-- The statements that leave each role with exactly the privileges it is to have: $1 are roles, $2 relations, $3 what the
-- role may do there, as in SELECT,INSERT; nothing at all where that is empty. What is right already is left alone, since
-- a change for a hypertable is one for each of its chunks.
WITH wanted AS (
    SELECT role.oid AS role, wanted.role AS role_name, class.oid AS relation, wanted.relation AS relation_name,
           coalesce((SELECT array_agg(one ORDER BY one) FROM regexp_split_to_table(nullif(wanted.privileges, ''), ',') AS one),
               '{}') AS privileges
    FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (role, relation, privileges)
    JOIN pg_class AS class
        ON class.relnamespace = current_schema()::regnamespace AND class.relname = wanted.relation
    LEFT JOIN pg_roles AS role ON role.rolname = wanted.role
),
present AS (
    SELECT wanted.*, coalesce((
        SELECT array_agg(acl.privilege_type ORDER BY acl.privilege_type)
        FROM pg_class AS class
        CROSS JOIN aclexplode(class.relacl) AS acl
        WHERE class.oid = wanted.relation AND acl.grantee = wanted.role
    ), '{}') AS now
    FROM wanted
)
SELECT statement
FROM present
CROSS JOIN LATERAL (VALUES
    (1, format('REVOKE ALL ON %I.%I FROM %I', current_schema(), relation_name, role_name), now <> '{}'),
    (2, format('GRANT %s ON %I.%I TO %I', array_to_string(privileges, ', '), current_schema(), relation_name, role_name),
     privileges <> '{}')
) AS change (step, statement, needed)
WHERE now IS DISTINCT FROM privileges AND needed
ORDER BY relation_name, role_name, step
