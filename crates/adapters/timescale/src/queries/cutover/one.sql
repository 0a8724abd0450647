SELECT number, recorded_at, recorded_by, event FROM cutover_log WHERE number = $1
