SELECT coalesce(aggregate.view_name, job.hypertable_name)::text, job.proc_name::text,
       (job.config ->> 'compress_after')::interval, (job.config ->> 'drop_after')::interval,
       (job.config ->> 'start_offset')::interval, (job.config ->> 'end_offset')::interval, job.schedule_interval
FROM timescaledb_information.jobs AS job
LEFT JOIN timescaledb_information.continuous_aggregates AS aggregate
    ON job.hypertable_name IN (aggregate.view_name, aggregate.materialization_hypertable_name)
WHERE job.proc_name IN ('policy_compression', 'policy_retention', 'policy_refresh_continuous_aggregate')
