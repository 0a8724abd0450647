SELECT lock.pid, activity.application_name, host(activity.client_addr), activity.backend_start
FROM pg_locks AS lock
LEFT JOIN pg_stat_activity AS activity USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted
  AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((lock.classid::bigint << 32) | lock.objid::bigint) = $1
LIMIT 1
