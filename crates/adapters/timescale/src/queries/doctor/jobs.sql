-- Jobs that somebody made, with how the last run of each ended.
SELECT job.job_id, job.proc_name::text, coalesce(aggregate.view_name, job.hypertable_name)::text, job.scheduled,
       stats.last_run_status,
       (
           SELECT error.err_message
           FROM timescaledb_information.job_errors AS error
           WHERE error.job_id = job.job_id
           ORDER BY error.start_time DESC
           LIMIT 1
       )
FROM timescaledb_information.jobs AS job
LEFT JOIN timescaledb_information.job_stats AS stats USING (job_id)
LEFT JOIN timescaledb_information.continuous_aggregates AS aggregate
    ON job.hypertable_name IN (aggregate.view_name, aggregate.materialization_hypertable_name)
WHERE job.job_id >= 1000
ORDER BY job.job_id
