SELECT id, first_time, lead_us, loading_to FROM instruments WHERE exchange = ? AND symbol = ?
