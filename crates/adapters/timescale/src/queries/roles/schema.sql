-- The statements that let the roles $1 (owner), $2 (writer) and $3 (reader) into database and schema, and let them read
-- what the owner makes there later; only those that are not in force.
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role.name)
FROM unnest(ARRAY[$1, $2, $3]::text[]) AS role (name)
WHERE NOT has_database_privilege(role.name, current_database(), 'CONNECT')
UNION ALL
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role.name)
FROM unnest(ARRAY[$1, $2, $3]::text[]) AS role (name)
WHERE NOT has_schema_privilege(role.name, current_schema(), 'USAGE')
UNION ALL
SELECT format('GRANT CREATE ON SCHEMA %I TO %I', current_schema(), $1::text)
WHERE NOT has_schema_privilege($1, current_schema(), 'CREATE')
UNION ALL
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT ON TABLES TO %I',
           $1::text, current_schema(), role.name)
FROM unnest(ARRAY[$2, $3]::text[]) AS role (name)
WHERE NOT EXISTS (
    SELECT FROM pg_default_acl AS defaults
    CROSS JOIN aclexplode(defaults.defaclacl) AS acl
    WHERE defaults.defaclnamespace = current_schema()::regnamespace AND defaults.defaclobjtype = 'r'
      AND pg_get_userbyid(defaults.defaclrole) = $1 AND pg_get_userbyid(acl.grantee) = role.name
      AND acl.privilege_type = 'SELECT'
)
