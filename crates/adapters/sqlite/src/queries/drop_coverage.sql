DELETE FROM stream_coverage
WHERE instrument = ?1 AND available_at < ?2
