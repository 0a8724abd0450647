SELECT add_continuous_aggregate_policy(
    $1::text::regclass,
    start_offset => $2::interval,
    end_offset => $3::interval,
    schedule_interval => $4::interval,
    buckets_per_batch => $5::integer
)
