-- The prefix of the group roles of this database: that of its tables' owner, where all three are there.
SELECT left(owner.rolname, -length('_owner'))
FROM pg_class AS class
JOIN pg_roles AS owner ON owner.oid = class.relowner
WHERE class.oid = to_regclass('store_settings') AND owner.rolname LIKE '%\_owner'
  AND EXISTS (SELECT FROM pg_roles WHERE rolname = left(owner.rolname, -length('_owner')) || '_writer')
  AND EXISTS (SELECT FROM pg_roles WHERE rolname = left(owner.rolname, -length('_owner')) || '_reader')
