SELECT id, first_time, lead_us FROM instruments WHERE exchange = ? AND symbol = ?
