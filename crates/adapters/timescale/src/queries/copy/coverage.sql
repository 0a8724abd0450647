COPY stream_coverage (
    symbol, exchange, stream, available_at, state, begin_time, end_time, reason
) FROM STDIN (FORMAT binary)
