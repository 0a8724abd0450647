SELECT finished_at FROM maintenance
